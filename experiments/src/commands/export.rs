//! `clockwire export`.

use std::fs;

use super::Done;
use crate::cli::ExportOptions;
use crate::query::{Store, write_parquet};
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
    let folder = options.out.clone().unwrap_or_else(|| options.results.join("parquet"));
    let wanted = store.tables.iter().filter(|table| options.tables.is_empty() || options.tables.contains(&table.name));
    let files: Vec<_> = wanted.map(|table| (table, folder.join(format!("{}.parquet", table.name)))).collect();
    if let Some((_, path)) = files.iter().find(|(_, path)| !options.force && path.exists()) {
        return Err(format!("error: {}: it is there already; `--force` replaces it\n", path.display()));
    }
    fs::create_dir_all(&folder).map_err(|why| format!("error: {}: {why}\n", folder.display()))?;
    for (table, path) in files {
        // A file has its name when it is whole.
        let partial = path.with_extension("partial");
        write_parquet(&store, table, &partial)?;
        fs::rename(&partial, &path).map_err(|why| format!("error: {}: {why}\n", path.display()))?;
        say!("{}", path.display());
    }
    Ok(true)
}
