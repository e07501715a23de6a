//! The real binary: cargo tells its path to tests of its own package only, so it is found beside this
//! test's executable, and built where it is missing or older than its sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The path of `countersign`, up to date.
pub(crate) fn countersign() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("the path of this test");
        let profile = test
            .ancestors()
            .nth(2)
            .expect("target/PROFILE/deps/it-HASH");
        let binary = profile.join("countersign");
        if !is_current(&binary) {
            build(profile);
        }
        binary
    })
}

/// Whether the binary is younger than every source that cargo names for it.
fn is_current(binary: &Path) -> bool {
    let (Some(built), Ok(sources)) = (
        modified(binary),
        std::fs::read_to_string(binary.with_extension("d")),
    ) else {
        return false;
    };
    let Some((_, sources)) = sources.split_once(": ") else {
        return false;
    };
    // A space in a path is escaped there; such a path reads as missing, and the binary as outdated.
    sources
        .split_whitespace()
        .all(|source| modified(Path::new(source)).is_some_and(|at| at <= built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

fn build(profile: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile_name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = profile.parent().expect("target/PROFILE");
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "countersign"])
        .args(["--bin", "countersign", "--profile", profile_name])
        .arg("--target-dir")
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .expect("cargo can be started");
    assert!(built.success(), "the binary cannot be built");
}
