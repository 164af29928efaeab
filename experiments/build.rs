//! Names the state of the sources that the program is built from: a stored run counts as long as they are the same. Not the time, the machine or
//! the compiler: what they do to results is nothing, and several machines may share their runs.

use std::path::{Path, PathBuf};

/// Folders whose files decide what a run comes to, and the versions of all libraries.
const SOURCES: &[&str] = &["sim-core/src", "sim-protocols/src", "topologies/src", "experiments/src", "plots/src"];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is a member of a workspace").to_path_buf();
    let mut files = vec![root.join("Cargo.lock")];
    for folder in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        below(&root.join(folder), &mut files);
    }
    println!("cargo::rerun-if-changed={}", files[0].display());
    files.sort();
    let mut hash = Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    for file in files {
        // The same on systems that write paths and ends of lines in other ways.
        let name: Vec<_> = file.strip_prefix(&root).expect("it is below").iter().collect();
        name.iter().for_each(|part| hash.bytes(part.as_encoded_bytes()));
        let text = std::fs::read(&file).unwrap_or_default();
        text.split(|byte| *byte == b'\r').for_each(|part| hash.bytes(part));
        hash.bytes(&[0]);
    }
    println!("cargo::rustc-env=CLOCKWIRE_SOURCES={:032x}", hash.0);
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() { below(&path, found) } else { found.push(path) }
    }
}

/// FNV-1a with 128 bits, after Fowler, Noll and Vo.
struct Fnv(u128);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}
