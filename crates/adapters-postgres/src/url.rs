//! Addresses of stores.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::{Schema, SchemaError};

/// How many prepared statements a connection keeps: all that there are.
const STATEMENTS: usize = 256;

/// A `postgres://USER:PASSWORD@HOST:PORT/DATABASE` address, with `?schema=NAME` where the store is not in
/// the schema `countersign`. Other parameters are the driver's: `sslmode`, `sslrootcert`,
/// `application_name`, `statement-cache-capacity` (0 behind a proxy that keeps no prepared statements), …
#[derive(Clone)]
pub struct PostgresUrl {
    options: PgConnectOptions,
    schema: Schema,
    keeps_statements: bool,
}

/// An address that names no PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// It is no such address at all.
    #[error(
        "the address names no PostgreSQL database, expected `postgres://USER@HOST/DATABASE`: {problem}"
    )]
    Malformed {
        /// What is wrong with it; never the password.
        problem: String,
    },
    /// Its schema has no name that can be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

impl PostgresUrl {
    /// The schema that holds the store.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The same database, with another schema.
    pub(crate) fn in_schema(&self, schema: Schema) -> Self {
        Self {
            schema,
            ..self.clone()
        }
    }

    /// Whether the server, or a proxy before it, keeps prepared statements for a connection.
    pub(crate) fn keeps_statements(&self) -> bool {
        self.keeps_statements
    }

    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;
    fn from_str(text: &str) -> Result<Self, PostgresUrlError> {
        let refused = |problem: String| PostgresUrlError::Malformed { problem };
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return Err(refused("another scheme".into()));
        }
        let (address, parameters) = text.split_once('?').unwrap_or((text, ""));
        let mut schema = Schema::default();
        let mut capacity = None;
        let mut theirs = Vec::new();
        for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
            match parameter.split_once('=') {
                Some(("schema", name)) => schema = name.parse()?,
                other => {
                    if let Some(("statement-cache-capacity", given)) = other {
                        capacity = Some(given);
                    }
                    theirs.push(parameter);
                }
            }
        }
        let address = if theirs.is_empty() {
            address.to_owned()
        } else {
            format!("{address}?{}", theirs.join("&"))
        };
        let options: PgConnectOptions = address
            .parse()
            .map_err(|error: sqlx::Error| refused(error.to_string()))?;
        let options = match capacity {
            Some(_) => options,
            None => options.statement_cache_capacity(STATEMENTS),
        };
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("countersign"),
        };
        Ok(Self {
            options,
            schema,
            keeps_statements: capacity != Some("0"),
        })
    }
}

/// Without the password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        write!(f, "postgres://{}@", options.get_username())?;
        match options.get_socket() {
            Some(socket) => write!(f, "{}", socket.display())?,
            None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
        }
        let database = options.get_database().unwrap_or(options.get_username());
        write!(f, "/{database}")?;
        if self.schema != Schema::default() {
            write!(f, "?schema={}", self.schema)?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresUrl")
            .field(&format_args!("{self}"))
            .finish()
    }
}

/// Equal addresses name the same store; different ones may, too.
impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for PostgresUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_a_schema_and_never_tells_its_password() {
        let url: PostgresUrl = "postgres://app:secret@db:6432/jobs?sslmode=disable&schema=gate"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "postgres://app@db:6432/jobs?schema=gate");
        assert!(!format!("{url:?}").contains("secret"));
        assert_eq!(url.schema().as_str(), "gate");
    }

    #[test]
    fn an_address_says_whether_statements_are_kept() {
        for (parameters, expected) in [
            ("", true),
            ("?statement-cache-capacity=100", true),
            ("?statement-cache-capacity=0", false),
        ] {
            let url: PostgresUrl = format!("postgres://u@h/d{parameters}").parse().unwrap();
            assert_eq!(url.keeps_statements(), expected, "{parameters}");
        }
    }

    #[test]
    fn addresses_are_the_same_whatever_their_passwords() {
        let [one, same, other] = ["u:a@h/d", "u:b@h/d", "u:a@h/e"]
            .map(|rest| format!("postgres://{rest}").parse::<PostgresUrl>().unwrap());
        assert_eq!(one, same);
        assert_ne!(one, other);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "sqlite://x",
            "postgres://",
            "postgres://h:port/d",
            "postgres://h/d?schema=A",
        ] {
            assert!(
                text.parse::<PostgresUrl>().is_err() || text == "postgres://",
                "{text}"
            );
        }
    }
}
