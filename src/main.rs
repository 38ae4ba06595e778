//! Parses, runs, exits with the true code; nothing else.

fn main() -> std::process::ExitCode {
    warroom::cli::main()
}
