//! Small tables in files: CSV without quotes, a head with the names of columns, lines that begin with `#` left out.

use std::fmt::Display;
use std::str::FromStr;

use sim_core::Prob;

/// What is looked for.
pub(crate) struct Columns {
    /// The column that must be there. A file without a head has it alone, or with the others in their order behind it.
    pub first: &'static str,
    /// Columns that may be there.
    pub more: &'static [&'static str],
}

/// Reads each row: the cell of the first column, then those of the others that are there.
///
/// # Errors
/// What is wrong, with the number of its line.
pub(crate) fn read<T>(
    text: &str,
    columns: Columns,
    mut row: impl FnMut(&[&str]) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines().map(str::trim));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).peekable();
    let mut places: Vec<usize> = (0..=columns.more.len()).collect();
    if let Some((number, head)) = lines.next_if(|(_, line)| line.starts_with(|c: char| c.is_ascii_alphabetic())) {
        let names: Vec<&str> = head.split(',').map(str::trim).collect();
        let place = |wanted: &str| names.iter().position(|name| *name == wanted);
        let Some(first) = place(columns.first) else {
            return Err(format!("line {number}: there is no column `{}`", columns.first));
        };
        places = [first].into_iter().chain(columns.more.iter().filter_map(|name| place(name))).collect();
    }
    let mut rows = Vec::new();
    for (number, line) in lines {
        let all: Vec<&str> = line.split(',').map(str::trim).collect();
        let cells: Vec<&str> = places.iter().filter_map(|place| all.get(*place).copied()).collect();
        if cells.is_empty() {
            return Err(format!("line {number}: `{}` is missing", columns.first));
        }
        rows.push(row(&cells).map_err(|why| format!("line {number}: {why}"))?);
    }
    if rows.is_empty() {
        return Err("it has no rows".into());
    }
    Ok(rows)
}

/// A cell of a column whose name ends in its unit.
///
/// # Errors
/// It is no plain number, or none of that unit.
pub(crate) fn quantity<T: FromStr<Err: Display>>(cell: &str, unit: &str) -> Result<T, String> {
    if cell.is_empty() || !cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!("`{cell}` is no plain number"));
    }
    format!("{cell} {unit}").parse::<T>().map_err(|error| error.to_string())
}

/// A share written as a number from 0 to 1, in parts of [`Prob::ONE_PARTS`].
///
/// # Errors
/// It is none.
pub(crate) fn fraction(cell: &str) -> Result<u64, String> {
    let refuse = || format!("`{cell}` is no number from 0 to 1 with up to 12 decimals");
    let (whole, decimals) = cell.split_once('.').unwrap_or((cell, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if cell.is_empty() || decimals.len() > 12 || !digits(whole) || !digits(decimals) {
        return Err(refuse());
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| refuse())? };
    let parts: u64 = format!("{decimals:0<12}").parse().map_err(|_| refuse())?;
    let all = whole.checked_mul(Prob::ONE_PARTS).and_then(|whole| whole.checked_add(parts));
    all.filter(|all| *all <= Prob::ONE_PARTS).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use sim_core::Span;

    use super::*;

    const WANTED: fn() -> Columns = || Columns { first: "time_s", more: &["size_bytes"] };

    fn read_all(text: &str) -> Result<Vec<Vec<String>>, String> {
        read(text, WANTED(), |cells| Ok(cells.iter().map(|cell| cell.to_string()).collect()))
    }

    #[test]
    fn columns_are_found_by_their_names_or_by_their_order() {
        let of =
            |rows: &[&[&str]]| Ok(rows.iter().map(|row| row.iter().map(|cell| cell.to_string()).collect()).collect());
        assert_eq!(read_all("0.5\n# a comment\n\n1\n"), of(&[&["0.5"], &["1"]]));
        assert_eq!(read_all("0.5, 9\n"), of(&[&["0.5", "9"]]));
        assert_eq!(read_all("size_bytes,flow,time_s\n7,a,0.5\n"), of(&[&["0.5", "7"]]));
        assert_eq!(read_all("flow,time_s\na,0.5\n"), of(&[&["0.5"]]));
        assert_eq!(read_all("# nothing\nflow,start\n"), Err("line 2: there is no column `time_s`".into()));
        assert_eq!(read_all("flow,time_s\n1,2\n7\n"), Err("line 3: `time_s` is missing".into()));
        assert_eq!(read_all("time_s\n"), Err("it has no rows".into()));
    }

    #[test]
    fn cells_are_exact_or_refused() {
        assert_eq!(quantity::<Span>("1.000000000001", "s"), Ok(Span::from_ps(1_000_000_000_001)));
        assert!(quantity::<Span>("1.0000000000001", "s").is_err() && quantity::<Span>("-1", "s").is_err());
        assert_eq!(quantity::<Span>("1 s", "s"), Err("`1 s` is no plain number".into()));
        assert_eq!(
            [fraction("0.15"), fraction("1"), fraction(".5")],
            [Ok(150_000_000_000), Ok(Prob::ONE_PARTS), Ok(500_000_000_000)]
        );
        assert!(["1.1", "2", "", "x", "0.0000000000001", "-0.1"].iter().all(|text| fraction(text).is_err()));
    }
}
