#!/usr/bin/env bash
# tests/parquet_readers.sh CLOCKWIRE: lets pyarrow and DuckDB, from PyPI, read what `clockwire export` writes: every cell of every table must be that of
# the CSV files, types and units those of the data dictionary, and a second export the same bytes. Not part of CI: 70 MB of packages.
set -euo pipefail
clockwire=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
python3 -m venv "$out/venv"
"$out/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1

cd "$out"
"$clockwire" run --quiet "$here/../experiments/loss-sweep.yaml" --out results --set experiment.seeds=2 --set stop="10 s" --set outputs.tables='[packets, states, drops]' || [ $? = 1 ]
"$clockwire" export results >/dev/null
"$clockwire" export results --out again >/dev/null
diff -r results/parquet again
"$out/venv/bin/python" - "$clockwire" <<'EOF'
import csv, glob, json, os, subprocess, sys
import duckdb
import pyarrow.parquet as pq

command = sys.argv[1]
holds = {"integer": "int64", "real": "double", "text": "string", "": "string"}
dictionary = {}
for row in csv.DictReader(subprocess.run([command, "query", "results", "--csv"], check=True, capture_output=True, text=True).stdout.splitlines()):
    dictionary.setdefault(row["table"], {})[row["column"]] = holds.get(row["holds"])
rows = 0
for path in sorted(glob.glob("results/parquet/*.parquet")):
    table = os.path.basename(path)[: -len(".parquet")]
    read = pq.read_table(path)
    about = json.loads(read.schema.metadata[b"clockwire"])
    assert about["table"] == table and set(about["columns"]) == set(read.column_names), about
    for field in read.schema:
        assert str(field.type) == dictionary[table][field.name], (table, field)
    mine = read.to_pylist()
    other = duckdb.sql(f"select * from '{path}'")
    assert other.columns == read.column_names and other.fetchall() == [tuple(row.values()) for row in mine], table
    if table in ("summary", "measured", "verdicts"):
        continue
    # Row by row as the files of the runs have them.
    by_run = {}
    for row in mine:
        by_run.setdefault(row["run"], []).append(row)
    for run, found in by_run.items():
        with open(f"results/{run}/{table}.csv", newline="") as file:
            cells = list(csv.DictReader(file))
        assert len(cells) == len(found), (table, run)
        for cell, row in zip(cells, found):
            for name, text in cell.items():
                value = row[name]
                same = value is None if text == "" else value == text if isinstance(value, str) else float(text) == value
                assert same, (table, run, name, text, value)
        rows += len(cells)
size = lambda pattern: sum(os.path.getsize(path) for path in glob.glob(pattern, recursive=True))
names = {os.path.basename(path)[: -len(".parquet")] for path in glob.glob("results/parquet/*.parquet")}
text = sum(size(f"results/**/seed-*/{name}.csv") for name in names)
print(f"{rows} rows are the same in {len(names)} tables; CSV {text / 1e6:.1f} MB, Parquet {size('results/parquet/*') / 1e6:.1f} MB")
print(duckdb.sql("select \"wan.loss.bernoulli\" loss, avg(goodput_bps) from 'results/parquet/flows.parquet' group by 1 order by 1 limit 3")
      if "wan.loss.bernoulli" in dictionary["flows"] else list(dictionary["flows"])[:8])
EOF
