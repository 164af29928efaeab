//! `clockwire export`.

use super::Done;
use crate::cli::ExportOptions;
use crate::query::{Store, export};
use crate::say::say;

/// Writes the tables of a results folder as Parquet.
pub fn export(options: &ExportOptions) -> Done {
    let store = Store::open(&options.results)?;
    let names = store.names();
    for wanted in &options.tables {
        if !names.contains(&wanted.as_str()) {
            let near = crate::expect::meant(wanted, &names);
            let near = if near.is_empty() { near } else { format!(" = help: {near}\n") };
            return Err(format!(
                "error: there is no table `{wanted}`\n{near} = help: there are {}\n",
                names.join(", ")
            ));
        }
    }
    let folder = options.out.clone().unwrap_or_else(|| export::folder(&options.results));
    let wanted = store.tables.iter().filter(|table| options.tables.is_empty() || options.tables.contains(&table.name));
    let wanted: Vec<_> = wanted.collect();
    let there = wanted.iter().map(|table| export::path(table, &folder)).find(|path| path.exists());
    if let Some(path) = there.filter(|_| !options.force) {
        return Err(format!("error: {}: it is there already; `--force` replaces it\n", path.display()));
    }
    for table in wanted {
        say!("{}", export::write(&store, table, &folder)?.display());
    }
    Ok(true)
}
