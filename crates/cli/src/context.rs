//! What every command has at hand: the global arguments, the way to print, the way to the server.

use crate::{
    args::{Format, Globals},
    output::{Output, renderer},
    profile::{self, Profiles, Target},
};
use anyhow::Result;
use picloud_client::{ApiClient, Options};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) globals: Globals,
    pub(crate) out: Box<dyn Output>,
}

impl Context {
    /// Decides how to print; nothing else happens yet.
    pub(crate) fn new(mut globals: Globals) -> Self {
        if globals.json {
            globals.output = Format::Json;
        }
        let out = renderer(globals.output);
        Self { globals, out }
    }

    /// Whether a program reads the output.
    pub(crate) fn json(&self) -> bool {
        self.globals.output == Format::Json
    }

    /// Which server and key are meant.
    pub(crate) fn target(&self) -> Result<Target> {
        let profiles = Profiles::load(&profile::path()?)?;
        profiles.resolve(&self.globals, |name| std::env::var(name).ok())
    }

    /// A client for them.
    pub(crate) fn client(&self) -> Result<ApiClient> {
        client_for(&self.target()?)
    }
}

/// A client for this server and key.
pub(crate) fn client_for(target: &Target) -> Result<ApiClient> {
    let options = Options {
        server: target.server.clone(),
        ca_file: target.ca_file.clone(),
        ca_pem: None,
    };
    Ok(ApiClient::new(
        &options,
        &target.api_key,
        &target.api_secretkey,
    )?)
}
