//! Tables of results as Parquet: a file for each table, with the rows of all runs, and the columns that say of which run a row is in front. Types come
//! from the data dictionary; the same results give the same bytes.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use rusqlite::types::Value;

use super::load;
use super::store::{Holds, Shape, Store};

/// Rows that are written together.
const GROUP: usize = 128 * 1024;

/// The values of a column, those that there are, and for each row whether there is one.
struct Cells {
    holds: Holds,
    there: Vec<i16>,
    whole: Vec<i64>,
    real: Vec<f64>,
    text: Vec<ByteArray>,
}

impl Cells {
    fn new(holds: Holds) -> Cells {
        Cells { holds, there: Vec::new(), whole: Vec::new(), real: Vec::new(), text: Vec::new() }
    }

    fn add(&mut self, value: Value) -> std::result::Result<(), String> {
        self.there.push(i16::from(value != Value::Null));
        match (self.holds, value) {
            (_, Value::Null) => {}
            (Holds::Whole, Value::Integer(number)) => self.whole.push(number),
            (Holds::Real, Value::Integer(number)) => self.real.push(number as f64),
            (Holds::Real, Value::Real(number)) => self.real.push(number),
            (Holds::Text | Holds::Any, value) => self.text.push(ByteArray::from(load::text(&value).into_bytes())),
            (holds, value) => return Err(format!("`{}` is no {}", load::text(&value), holds.declared())),
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.there.clear();
        self.whole.clear();
        self.real.clear();
        self.text.clear();
    }
}

/// Where the tables of results are, unless somebody says otherwise.
pub fn folder(results: &Path) -> PathBuf {
    results.join("parquet")
}

/// Writes all tables of results, in place of those that are there.
///
/// # Errors
/// As [`write`].
pub fn all(results: &Path) -> std::result::Result<(), String> {
    let (store, folder) = (Store::open(results)?, folder(results));
    store.tables.iter().try_for_each(|table| write(&store, table, &folder).map(drop))
}

/// The file of a table.
pub fn path(table: &Shape, folder: &Path) -> PathBuf {
    folder.join(format!("{}.parquet", table.name))
}

/// Writes a table, and gives its file, which has its name when it is whole.
///
/// # Errors
/// As the file system, and where a cell is not what its column holds.
pub fn write(store: &Store, table: &Shape, folder: &Path) -> std::result::Result<PathBuf, String> {
    let wrong = |path: &Path, why: std::io::Error| format!("error: {}: {why}\n", path.display());
    fs::create_dir_all(folder).map_err(|why| wrong(folder, why))?;
    let path = path(table, folder);
    let partial = path.with_extension("partial");
    fill(store, table, &partial)?;
    fs::rename(&partial, &path).map_err(|why| wrong(&path, why))?;
    Ok(path)
}

fn fill(store: &Store, table: &Shape, path: &Path) -> std::result::Result<(), String> {
    let wrong = |why: &dyn std::fmt::Display| format!("error: {}: {why}\n", path.display());
    let file = File::create(path).map_err(|error| wrong(&error))?;
    let schema = schema(table).map_err(|error| wrong(&error))?;
    let properties = Arc::new(properties(store, table));
    let writer = SerializedFileWriter::new(BufWriter::new(file), Arc::new(schema), properties);
    let mut writer = writer.map_err(|error| wrong(&error))?;
    let mut columns: Vec<Cells> = table.columns.iter().map(|column| Cells::new(column.holds)).collect();
    let all: Vec<usize> = (0..table.columns.len()).collect();
    load::rows(store, table, &all, &mut |row| {
        for ((cells, value), column) in columns.iter_mut().zip(row).zip(&table.columns) {
            cells.add(value).map_err(|why| wrong(&format!("{}: {why}", column.name)))?;
        }
        if columns[0].there.len() == GROUP {
            flush(&mut writer, &mut columns).map_err(|error| wrong(&error))
        } else {
            Ok(())
        }
    })?;
    flush(&mut writer, &mut columns).and_then(|()| writer.close()).map(drop).map_err(|error| wrong(&error))
}

fn flush(writer: &mut SerializedFileWriter<BufWriter<File>>, columns: &mut [Cells]) -> Result<()> {
    if columns[0].there.is_empty() {
        return Ok(());
    }
    let mut group = writer.next_row_group()?;
    for cells in columns {
        let mut column = group.next_column()?.expect("the schema has the columns of the table");
        let there = Some(&cells.there[..]);
        match cells.holds {
            Holds::Whole => column.typed::<Int64Type>().write_batch(&cells.whole, there, None)?,
            Holds::Real => column.typed::<DoubleType>().write_batch(&cells.real, there, None)?,
            Holds::Text | Holds::Any => column.typed::<ByteArrayType>().write_batch(&cells.text, there, None)?,
        };
        column.close()?;
        cells.clear();
    }
    group.close().map(drop)
}

/// Columns of whole numbers, numbers and texts, each of which may be missing.
fn schema(table: &Shape) -> Result<Type> {
    let column = |column: &super::store::Column| {
        let (physical, logical) = match column.holds {
            Holds::Whole => (Physical::INT64, None),
            Holds::Real => (Physical::DOUBLE, None),
            Holds::Text | Holds::Any => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let built = Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
        built.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = table.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    Type::group_type_builder(&table.name).with_fields(fields).build()
}

/// Nothing of the moment or the machine is in a file. What columns mean is: the key `clockwire` has it as JSON.
fn properties(store: &Store, table: &Shape) -> WriterProperties {
    let columns: serde_json::Map<String, serde_json::Value> = table
        .columns
        .iter()
        .map(|column| (column.name.clone(), serde_json::json!({ "unit": column.unit, "help": column.help })))
        .collect();
    let about = serde_json::json!({
        "table": table.name,
        "experiment": store.stored.as_ref().map(|stored| stored.name.as_str()),
        "version": store.stored.as_ref().map(|stored| stored.version.as_str()),
        "columns": columns,
    });
    WriterProperties::builder()
        .set_created_by(concat!("clockwire version ", env!("CARGO_PKG_VERSION")).into())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(vec![KeyValue::new("clockwire".into(), about.to_string())]))
        .build()
}
