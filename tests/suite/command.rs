//! The built command, run as a user runs it: in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The binary of this build, built first: the tests of another package do not do it.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/PROFILE/deps/suite-…
        let test = std::env::current_exe().expect("this program has a path");
        let folder = test.parent().and_then(Path::parent).expect("the folder of the profile");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "experiments", "--bin", "clockwire"]);
        cargo.arg("--target-dir").arg(folder.parent().expect("the folder of all builds"));
        // What Cargo has told this test of its package is not to be told to build scripts: some run again when it changes, and all that stands on
        // them would be built twice.
        let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars().filter(|(name, _)| own(name)) {
            cargo.env_remove(name);
        }
        if folder.file_name().is_some_and(|name| name == "release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success(), "the command does not build");
        folder.join(format!("clockwire{}", std::env::consts::EXE_SUFFIX))
    })
}

/// What the command has left.
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it complained.
    pub err: String,
}

/// Runs the command in a folder.
pub fn clockwire(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(binary()).args(arguments).current_dir(folder).output().expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command speaks UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A new folder for a test, which goes away with it.
pub struct Folder(pub PathBuf);

impl Folder {
    /// An empty one.
    pub fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("clockwire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    /// The names in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The test has been judged; a folder that stays in the temporary one is not its failure.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
