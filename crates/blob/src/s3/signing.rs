//! Addresses of S3 itself, so that large contents need not pass through the server.

use super::{PATIENCE, S3Blobs, fault, within};
use crate::{BlobError, SignedUpload, Stored, checksum::hex};
use http::Method;
use object_store::{path::Path, signer::Signer};
use picloud_types::{AccountId, Hash};
use std::time::Duration;

impl S3Blobs {
    pub(super) async fn sign_get(
        &self,
        account: AccountId,
        hash: Hash,
        expires: Duration,
    ) -> Result<String, BlobError> {
        let path = self.path(account, hash);
        self.signed(Method::GET, &path, expires).await
    }

    pub(super) async fn sign_put(
        &self,
        account: AccountId,
        expires: Duration,
    ) -> Result<SignedUpload, BlobError> {
        let upload = uuid::Uuid::new_v4();
        let path = self.temporary(account, upload);
        Ok(SignedUpload {
            url: self.signed(Method::PUT, &path, expires).await?,
            upload: upload.to_string(),
        })
    }

    async fn signed(
        &self,
        method: Method,
        path: &Path,
        expires: Duration,
    ) -> Result<String, BlobError> {
        let signed = self.s3.signed_url(method, path, expires);
        let url = within(PATIENCE, signed).await?.map_err(fault)?;
        Ok(url.into())
    }

    /// See `Blobs::settle_upload`. S3 names the MD5 of what was uploaded in one piece as its `ETag`.
    pub(super) async fn settle_signed(
        &self,
        account: AccountId,
        upload: &str,
        announced: Stored,
    ) -> Result<(), BlobError> {
        let missing = || BlobError::UploadMissing(upload.to_owned());
        // Nothing but the name that `sign_put` made may become part of a path.
        let name = uuid::Uuid::parse_str(upload).map_err(|_| missing())?;
        let temporary = self.temporary(account, name);
        let Some(about) = self.head(&temporary).await? else {
            // Asked again after it was done.
            return match self.head(&self.path(account, announced.hash)).await? {
                Some(about) if about.size == announced.size => Ok(()),
                _ => Err(missing()),
            };
        };
        let found = about.e_tag.unwrap_or_default();
        let (found, wanted) = (found.trim_matches('"').to_owned(), hex(announced.md5));
        if about.size != announced.size {
            self.delete(&temporary).await?;
            return Err(BlobError::SizeMismatch {
                announced: announced.size,
                found: about.size,
            });
        }
        if found != wanted {
            self.delete(&temporary).await?;
            return Err(BlobError::Md5Mismatch {
                announced: wanted,
                found,
            });
        }
        self.settle(&temporary, account, announced.hash).await
    }
}
