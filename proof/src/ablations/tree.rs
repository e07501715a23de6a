//! A copy of the workspace that may be weakened: the original is never touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Ablation;

/// The copy.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    copy: PathBuf,
}

impl Tree {
    /// Brings the copy under this directory to what the workspace is now. Files that are the same stay, so that they
    /// are not compiled again.
    ///
    /// # Errors
    /// Files cannot be listed or copied.
    pub fn of(root: &Path, copy: &Path) -> Result<Self, String> {
        let tree = Self {
            root: root.to_owned(),
            copy: copy.to_owned(),
        };
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .map_err(|error| format!("git ls-files: {error}"))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let files: Vec<&str> = listed.split_terminator('\0').collect();
        if files.is_empty() {
            return Err("git ls-files names no file: the workspace is no git checkout".to_owned());
        }
        for file in files {
            tree.restore(file)?;
        }
        Ok(tree)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.copy
    }

    /// Weakens the copy; to be made good by [`Tree::mend`].
    ///
    /// # Errors
    /// The ablation does not apply, or a file cannot be written.
    pub fn weaken(&self, ablation: &Ablation) -> Result<(), String> {
        for (file, text) in ablation.applied(&self.copy)? {
            self.write(file, text.as_bytes())?;
        }
        Ok(())
    }

    /// Takes back what [`Tree::weaken`] did.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn mend(&self, ablation: &Ablation) -> Result<(), String> {
        for edit in ablation.edits {
            self.restore(edit.file)?;
        }
        Ok(())
    }

    fn restore(&self, file: &str) -> Result<(), String> {
        let from = self.root.join(file);
        // A deleted file that git still lists, or a link: neither is compiled.
        let Ok(text) = fs::read(&from) else {
            return Ok(());
        };
        match fs::read(self.copy.join(file)) {
            Ok(there) if there == text => Ok(()),
            Ok(_) | Err(_) => self.write(file, &text),
        }
    }

    fn write(&self, file: &str, text: &[u8]) -> Result<(), String> {
        let to = self.copy.join(file);
        let told = |error| format!("{}: {error}", to.display());
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(told)?;
        }
        fs::write(&to, text).map_err(told)
    }
}
