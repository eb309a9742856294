//! Secrets: named in the configuration, held elsewhere, never shown.

use crate::error::{Error, Result};
use std::{fmt, path::Path};

/// Longest file that is read as a secret, bytes.
const LONGEST: u64 = 64 << 10;

/// Something that must not be printed. Neither `Debug` nor anything else here shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// The thing itself, to be put into a request and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// The contents of a file, without white space around it.
    File(String),
    /// An environment variable.
    Env(String),
}

impl Place {
    /// Reads it now, so that a file that was changed is a secret that was rotated. A relative path is
    /// taken from `folder`, where the configuration lies.
    ///
    /// # Errors
    /// When it is not there, or empty; `what` names the setting.
    pub fn read(&self, what: &str, folder: &Path) -> Result<Secret> {
        let fail = |why: String| Error::Secret {
            what: what.to_owned(),
            why,
        };
        let text = match self {
            Place::File(path) => {
                let path = folder.join(path);
                let name = path.display().to_string();
                let length = std::fs::metadata(&path).map(|it| it.len());
                if length.is_ok_and(|length| length > LONGEST) {
                    return Err(fail(format!("{name} is too long for a secret")));
                }
                std::fs::read_to_string(&path)
                    .map_err(|error| fail(format!("cannot read {name}: {error}")))?
            }
            Place::Env(name) => std::env::var(name)
                .map_err(|_| fail(format!("the environment variable {name} is not set")))?,
        };
        match text.trim() {
            "" => Err(fail("it is empty".into())),
            text => Ok(Secret::new(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_when_needed_and_never_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::File("key".into());
        let error = place.read("url_file", folder.path()).expect_err("no file");
        assert!(error.to_string().starts_with("url_file: cannot read"));
        std::fs::write(folder.path().join("key"), " hunter2\n").expect("written");
        let secret = place.read("url_file", folder.path()).expect("read");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        std::fs::write(folder.path().join("key"), "\n").expect("written");
        assert!(place.read("url_file", folder.path()).is_err());
    }
}
