//! The `picloud` binary. Everything is in the library, so that tests can look at it.

fn main() -> std::process::ExitCode {
    picloud_cli::main()
}
