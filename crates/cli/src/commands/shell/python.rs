//! The job as Python sees it: functions of the package `cloud` by their names, and their arguments.

use super::{
    Running, Template,
    values::{Value, content, file_name},
};
use crate::failure::Failure;
use anyhow::{Result, bail};
use bytes::Bytes;
use picloud_types::{
    api::service::ServiceInfo,
    pickle::{self, Value as Plain},
};

/// Where those functions are.
pub(crate) const MODULE: &str = "cloud._shell_job";

type Arguments = Vec<(String, Plain)>;

/// What is the same for all jobs of a command: also the settings of a published one.
pub(crate) fn common(command: &Template, running: &Running) -> Arguments {
    let text = |value: &Option<String>| match value {
        Some(text) => Plain::Text(text.clone()),
        None => Plain::None,
    };
    vec![
        ("command".to_owned(), Plain::Text(command.text().to_owned())),
        ("return_file".to_owned(), text(&running.return_file)),
        (
            "ignore_exit_status".to_owned(),
            Plain::Bool(running.ignore_exit_status),
        ),
        ("cwd".to_owned(), text(&running.cwd)),
    ]
}

/// Function and arguments of one job.
pub(crate) fn of_one(
    command: &Template,
    running: &Running,
    values: &[(String, Value)],
) -> Result<(Bytes, Bytes)> {
    let mut arguments = common(command, running);
    arguments.extend(parameters(
        values.iter().map(|(name, value)| (name, value)),
    )?);
    Ok((
        pickle::function(MODULE, "run"),
        pickle::arguments(&arguments),
    ))
}

/// The function of a map: it has what is the same for all, so that it travels once.
pub(crate) fn of_map(
    command: &Template,
    running: &Running,
    values: &[(String, Value)],
) -> Result<Bytes> {
    let mut settings = common(command, running);
    settings.extend(parameters(
        values.iter().map(|(name, value)| (name, value)),
    )?);
    Ok(pickle::made_by(MODULE, "Mapped", &settings))
}

/// The arguments of one job of it.
pub(crate) fn of_row<'a>(row: impl Iterator<Item = (&'a String, &'a Value)>) -> Result<Bytes> {
    let own = Plain::Dict(parameters(row)?);
    Ok(pickle::arguments(&[("own".to_owned(), own)]))
}

fn parameters<'a>(values: impl Iterator<Item = (&'a String, &'a Value)>) -> Result<Arguments> {
    let (mut texts, mut files, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in values {
        match value {
            Value::Text(text) => texts.push((name.clone(), Plain::Text(text.clone()))),
            Value::File(path) => {
                files.push((name.clone(), Plain::Bytes(content(path)?.into())));
                names.push((name.clone(), Plain::Text(file_name(path))));
            }
        }
    }
    Ok(vec![
        ("parameters".to_owned(), Plain::Dict(texts)),
        ("files".to_owned(), Plain::Dict(files)),
        ("file_names".to_owned(), Plain::Dict(names)),
    ])
}

/// The Python that runs it: the newest there is, as the command does not care.
pub(crate) fn newest_python(service: &ServiceInfo) -> Result<String> {
    let number = |version: &str| {
        version
            .rsplit('.')
            .next()
            .and_then(|n| n.parse::<u32>().ok())
    };
    let newest = service.pythons.iter().max_by_key(|version| number(version));
    match newest {
        Some(version) => Ok(version.clone()),
        None => bail!(
            Failure::unmet("no worker is connected, so there is nothing that runs commands")
                .hint("`picloud workers` lists them; `picloud worker` on a machine starts one")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    /// What Python reads in a pickle, with our classes by name only.
    fn python_reads(pickle: &Bytes) -> String {
        const CODE: &str = "
import io, pickle, sys
class By(pickle.Unpickler):
    def find_class(self, module, name):
        return type(name, (), {'__init__': lambda s, *a: setattr(s, 'a', a), '__repr__': lambda s: f'{name}{s.a}'})
print(By(io.BytesIO(bytes.fromhex(sys.argv[1]))).load())";
        let hex: String = pickle.iter().map(|byte| format!("{byte:02x}")).collect();
        let output = Command::new("python3")
            .args(["-c", CODE, &hex])
            .output()
            .expect("python3 is there");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }

    #[test]
    fn python_is_called_with_the_texts_and_the_contents_of_files() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a.txt");
        fs::write(&path, b"\x00x").expect("written");
        let command = Template::of(&["cat {f} {n}".to_owned()]).expect("a command");
        let running = Running {
            return_file: Some("out".to_owned()),
            ignore_exit_status: true,
            cwd: None,
        };
        let values = [
            ("n".to_owned(), Value::Text("5".to_owned())),
            ("f".to_owned(), Value::File(path)),
        ];
        let of_values =
            "'parameters': {'n': '5'}, 'files': {'f': b'\\x00x'}, 'file_names': {'f': 'a.txt'}}";
        let settings = format!(
            "{{'command': 'cat {{f}} {{n}}', 'return_file': 'out', 'ignore_exit_status': True, 'cwd': None, {of_values}"
        );
        let (_, arguments) = of_one(&command, &running, &values).expect("made");
        assert_eq!(python_reads(&arguments), format!("((), {settings})"));
        let function = of_map(&command, &running, &values).expect("made");
        assert_eq!(python_reads(&function), format!("Mapped({settings},)"));
        let row = of_row(values.iter().map(|(n, v)| (n, v))).expect("made");
        assert_eq!(
            python_reads(&row),
            format!("((), {{'own': {{{of_values}}})")
        );
    }

    #[test]
    fn the_newest_python_is_the_one_with_the_highest_number() {
        let mut service: ServiceInfo = serde_json::from_value(serde_json::json!({
            "version": "1", "account": 1, "account_name": "a", "api_key": 1, "pythons": ["3.10", "3.12", "3.9"],
            "payload_max_bytes": 1, "inline_max_bytes": 1, "jobs_per_request": 1, "core_types": [],
        }))
        .expect("valid");
        assert_eq!(newest_python(&service).expect("one"), "3.12");
        service.pythons.clear();
        assert!(newest_python(&service).is_err());
    }
}
