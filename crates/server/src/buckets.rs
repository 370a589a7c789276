//! What all that deals with objects needs: where public ones are served, and signatures of addresses.

use crate::{app::App, refusal::Answer};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use picloud_store::Object;
use picloud_types::{AccountId, api::bucket::ObjectInfo};
use sha2::Sha256;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// See the module's documentation.
pub(crate) struct Buckets {
    /// What addresses begin with; no slash at the end.
    base_url: String,
    keyed: Hmac<Sha256>,
    pub(crate) quota_bytes: Option<u64>,
    pub(crate) object_max_bytes: u64,
    /// Names of folders of public objects. They never change, so there is one entry per account.
    folders: RwLock<HashMap<AccountId, Arc<str>>>,
}

impl std::fmt::Debug for Buckets {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buckets")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl Buckets {
    pub(crate) fn new(
        secret: &str,
        base_url: &str,
        quota_bytes: Option<u64>,
        object_max_bytes: u64,
    ) -> Self {
        Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            keyed: Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length"),
            quota_bytes,
            object_max_bytes,
            folders: RwLock::default(),
        }
    }

    /// The address of something of ours.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// The name of the folder of an account's public objects, made at the first time.
    pub(crate) async fn folder(&self, app: &App, account: AccountId) -> Answer<Arc<str>> {
        let known = self
            .folders
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&account)
            .cloned();
        if let Some(folder) = known {
            return Ok(folder);
        }
        let new = uuid::Uuid::new_v4().simple().to_string();
        let folder: Arc<str> = app.store.bucket_folder(account, &new).await?.into();
        self.folders
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(account, Arc::clone(&folder));
        Ok(folder)
    }

    /// What the account is told of its object.
    pub(crate) async fn info(
        &self,
        app: &App,
        account: AccountId,
        object: Object,
    ) -> Answer<ObjectInfo> {
        let public_url = if object.public {
            let folder = self.folder(app, account).await?;
            Some(self.url(&format!("/public/{folder}/{}", object.key.in_url())))
        } else {
            None
        };
        Ok(ObjectInfo {
            key: object.key,
            size: object.size,
            md5: object.md5.map(hex::encode),
            sha256: object.hash,
            content_type: object.content_type,
            created: object.created,
            modified: object.modified,
            headers: object.headers,
            public_url,
        })
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        mac.update(text.as_bytes());
        mac
    }

    /// Proves that this installation made the text.
    pub(crate) fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(text).finalize().into_bytes())
    }

    /// Whether it did, compared in constant time.
    pub(crate) fn is_signed(&self, text: &str, signature: &str) -> bool {
        URL_SAFE_NO_PAD
            .decode(signature)
            .is_ok_and(|given| self.mac(text).verify_slice(&given).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_its_text_and_installation() {
        let ours = Buckets::new("secret", "http://x/", None, 1);
        let other = Buckets::new("other", "http://x/", None, 1);
        let signature = ours.sign("a");
        assert!(ours.is_signed("a", &signature));
        assert!(!ours.is_signed("b", &signature));
        assert!(!other.is_signed("a", &signature));
        assert!(!ours.is_signed("a", "%%"));
        assert_eq!(ours.url("/y"), "http://x/y");
    }
}
