//! Role definitions.

use countersign_domain::{RoleName, RoleRow};
use countersign_ports::PortResult;

use super::RedisAuthority;
use super::facts::Facts;
use crate::rows::Columns;
use crate::script::Call;

const OPERATION: &str = "roles";

pub(super) async fn roles(
    authority: &RedisAuthority,
    roles: &[RoleName],
) -> PortResult<Vec<Option<RoleRow>>> {
    if roles.is_empty() {
        return Ok(Vec::new());
    }
    let mut call = Call::command("HMGET", authority.shared.keys().roles());
    for role in roles {
        call.push(role.as_str());
    }
    let answer = authority.shared.link().call(OPERATION, call).await?;
    let mut columns = Columns::of(answer, OPERATION)?;
    let facts = Facts {
        operation: OPERATION,
    };
    roles
        .iter()
        .map(|_| {
            let text = columns.optional_text("role")?;
            text.map(|text| facts.role(&text)).transpose()
        })
        .collect()
}
