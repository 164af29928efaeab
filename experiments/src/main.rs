//! The `clockwire` command.

fn main() -> std::process::ExitCode {
    experiments::main()
}
