//! What a spec may say: the same for jobs that are submitted and for those of handlers.

use super::{service::python_missing, volumes};
use crate::{
    app::App,
    refusal::{Answer, Refusal},
};
use picloud_types::{AccountId, Hash, JobSpec, limits::LABEL_MAX};

/// Longest function name and other texts of a spec, in bytes; a bound on what lists carry.
const TEXT_MAX_BYTES: usize = 1_000;
/// Bytes of all environment variables together; a process cannot take many more.
const ENV_MAX_BYTES: usize = 128 * 1024;

/// Refuses a spec whose jobs could not run. Returns the blobs that they need beside their payloads.
pub(super) async fn check(app: &App, account: AccountId, spec: &JobSpec) -> Answer<Vec<Hash>> {
    check_fields(app, spec)?;
    volumes::check_spec(app, account, spec).await?;
    if app.fleet.count() > 0 && !app.fleet.has_python(&spec.python) {
        return Err(python_missing(app, &spec.python));
    }
    match spec.code_version {
        Some(version) => Ok(app.manifests.needed(app, account, version).await?.to_vec()),
        None => Ok(Vec::new()),
    }
}

fn check_fields(app: &App, spec: &JobSpec) -> Answer<()> {
    app.core_types
        .validate(&spec.core_type, spec.cores)
        .map_err(Refusal::bad_request)?;
    let minor = spec.python.strip_prefix("3.").unwrap_or_default();
    if minor.is_empty() || minor.len() > 3 || !minor.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::bad_request(format!(
            "python is a minor version such as 3.11, not {:?}",
            spec.python
        )));
    }
    if spec.priority < 1 {
        return Err(Refusal::bad_request(format!(
            "priority is at least 1, not {}",
            spec.priority
        )));
    }
    if spec.max_runtime_ms == Some(0) {
        return Err(Refusal::bad_request("max_runtime_ms is more than 0"));
    }
    if spec.fast_serialization > 2 {
        return Err(Refusal::bad_request("fast_serialization is 0, 1 or 2"));
    }
    if let Some(label) = &spec.label {
        let length = label.chars().count();
        if length == 0 || length > LABEL_MAX || label.chars().any(char::is_control) {
            return Err(Refusal::bad_request(format!(
                "a label has 1 to {LABEL_MAX} printable characters"
            )));
        }
    }
    let texts = [
        Some(&spec.function_name),
        spec.hostname.as_ref(),
        spec.client_version.as_ref(),
        spec.cloudpickle_version.as_ref(),
    ];
    if texts
        .into_iter()
        .flatten()
        .any(|t| t.len() > TEXT_MAX_BYTES || t.contains('\0'))
    {
        return Err(Refusal::bad_request(format!(
            "a text of the spec is longer than {TEXT_MAX_BYTES} bytes or contains a zero byte"
        )));
    }
    check_environment(spec)
}

fn check_environment(spec: &JobSpec) -> Answer<()> {
    let total: usize = spec
        .os_env_vars
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    if total > ENV_MAX_BYTES {
        return Err(Refusal::bad_request(format!(
            "os_env_vars have {total} bytes, more than {ENV_MAX_BYTES}"
        )));
    }
    let is_bad = |(name, value): (&String, &String)| {
        name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
    };
    if spec.os_env_vars.iter().any(is_bad) {
        return Err(Refusal::bad_request(
            "os_env_vars: a name is not empty and has no =, and neither it nor a value has a zero byte",
        ));
    }
    Ok(())
}
