//! Deliberately weakened copies of the gate and of each adapter: one thing left out, or done otherwise, in the very
//! text that is compiled or sent to the server. The suite has to catch every one of them.

use std::path::Path;

mod gate;
mod postgres;
mod redis;
mod sqlite;
pub mod tree;
pub mod tries;

/// One thing that is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Ablation {
    /// What is wrong, in words: unique.
    pub name: &'static str,
    /// The guarantee that falls with it.
    pub guarantee: &'static str,
    /// What is written instead.
    pub edits: &'static [Edit],
    /// Who is to notice.
    pub watch: Watch,
}

/// A text in a file, which occurs there once, and what is put in its place.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// From the root of the workspace.
    pub file: &'static str,
    /// What is there.
    pub find: &'static str,
    /// What is to be there.
    pub replace: &'static str,
}

/// Tests of one test binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch {
    /// The package.
    pub package: &'static str,
    /// Its test binary; none for all of the package's.
    pub binary: Option<&'static str>,
    /// Parts of the names of tests.
    pub tests: &'static [&'static str],
}

impl Ablation {
    /// Every one, layer by layer.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static Self)> {
        let layers = [
            ("gate", gate::ABLATIONS),
            ("sqlite", sqlite::ABLATIONS),
            ("postgres", postgres::ABLATIONS),
            ("redis", redis::ABLATIONS),
        ];
        layers
            .into_iter()
            .flat_map(|(layer, all)| all.iter().map(move |one| (layer, one)))
    }

    /// The files that it changes with their new contents, read under that root.
    ///
    /// # Errors
    /// A file cannot be read, or does not have the text that is to be replaced, once.
    pub fn applied(&self, root: &Path) -> Result<Vec<(&'static str, String)>, String> {
        let mut files: Vec<(&'static str, String)> = Vec::new();
        for edit in self.edits {
            let place = match files.iter().position(|(file, _)| *file == edit.file) {
                Some(place) => place,
                None => {
                    let text = std::fs::read_to_string(root.join(edit.file))
                        .map_err(|error| format!("{}: {error}", edit.file))?;
                    files.push((edit.file, text));
                    files.len() - 1
                }
            };
            let Some((file, text)) = files.get_mut(place) else {
                continue;
            };
            let found = text.matches(edit.find).count();
            if found != 1 {
                let line = edit.find.lines().next().unwrap_or_default();
                return Err(format!(
                    "{file}: `{line}` occurs {found} times, expected once"
                ));
            }
            *text = text.replacen(edit.find, edit.replace, 1);
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The code has moved on: whoever changed it says what its weakened copy is now.
    #[test]
    fn every_ablation_applies_to_the_code_as_it_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let problems: Vec<String> = Ablation::all()
            .filter_map(|(layer, one)| Some((layer, one, one.applied(&root).err()?)))
            .map(|(layer, one, problem)| format!("{layer}, {}: {problem}", one.name))
            .collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn ablations_go_by_different_names() {
        let mut names = HashSet::new();
        for (layer, one) in Ablation::all() {
            assert!(names.insert((layer, one.name)), "{layer}: {}", one.name);
        }
    }
}
