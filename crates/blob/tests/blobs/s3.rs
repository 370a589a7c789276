//! S3, as a real server speaks it.

use crate::s3_server::{Kind, S3Server};
use picloud_blob::{BlobError, Blobs, S3Blobs, S3Options, Stored};
use picloud_types::AccountId;
use std::time::Duration;

const ME: AccountId = AccountId(1);
const HOUR: Duration = Duration::from_secs(3_600);

struct Fresh {
    blobs: S3Blobs,
    server: S3Server,
}

impl Fresh {
    fn blobs(&self) -> &dyn Blobs {
        &self.blobs
    }

    /// Nothing that was arriving is left, whatever the case did.
    async fn finish(self) {
        let left = self.server.files().into_iter().filter(|path| {
            let path = path.to_string_lossy();
            path.contains("/tmp/1/") || path.contains("multipart")
        });
        assert_eq!(left.count(), 0);
    }
}

async fn open() -> Fresh {
    start(Kind::Ranges)
}

fn start(kind: Kind) -> Fresh {
    let server = S3Server::start(kind);
    let blobs = S3Blobs::new(&server.options()).expect("good settings");
    Fresh { blobs, server }
}

picloud_blob::blob_contract!(super::open);

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let server = S3Server::start(Kind::Signatures);
    let options = S3Options {
        secret_key: "wrong".to_owned(),
        ..server.options()
    };
    let blobs = S3Blobs::new(&options).expect("good settings");
    let error = blobs.put_many(ME, vec!["x".into()]).await;
    let error = error.expect_err("a wrong secret");
    assert!(matches!(error, BlobError::Io(_)), "{error}");
    assert_eq!(server.files().len(), 0);
}

#[test]
fn debug_output_has_no_secret() {
    let options = S3Options {
        bucket: "b".to_owned(),
        prefix: String::new(),
        endpoint: None,
        region: "r".to_owned(),
        access_key: "a".to_owned(),
        secret_key: "hush".to_owned(),
        allow_http: false,
    };
    let blobs = S3Blobs::new(&options).expect("good settings");
    assert!(!format!("{options:?} {blobs:?}").contains("hush"));
}

#[tokio::test]
async fn what_is_uploaded_to_a_signed_address_becomes_a_content() {
    let fresh = start(Kind::Signatures);
    let blobs = fresh.blobs();
    let http = reqwest::Client::new();
    let announced = Stored::of(b"content");
    let signed = blobs.signed_put(ME, HOUR).await.expect("signed");
    let signed = signed.expect("S3 has such addresses");
    let settle = async |upload: &str, announced| blobs.settle_upload(ME, upload, announced).await;
    assert!(matches!(
        settle(&signed.upload, announced).await,
        Err(BlobError::UploadMissing(_))
    ));
    let put = http.put(&signed.url).body("content").send().await;
    assert_eq!(put.expect("an answer").status(), 200);
    for _ in 0..2 {
        settle(&signed.upload, announced).await.expect("settled");
    }
    let url = blobs.signed_get(ME, announced.hash, HOUR).await;
    let url = url.expect("signed").expect("an address");
    let got = http.get(&url).send().await.expect("an answer");
    assert_eq!(got.text().await.expect("a content"), "content");
    let forged = url.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601");
    let got = http.get(forged).send().await.expect("an answer");
    assert_eq!(got.status(), 403);
    fresh.finish().await;
}

#[tokio::test]
async fn an_upload_that_is_not_what_was_announced_goes() {
    let fresh = start(Kind::Signatures);
    let blobs = fresh.blobs();
    for announced in ["contents", "CONTENT"] {
        let signed = blobs.signed_put(ME, HOUR).await.expect("signed");
        let signed = signed.expect("S3 has such addresses");
        let put = reqwest::Client::new().put(&signed.url).body("content");
        assert_eq!(put.send().await.expect("an answer").status(), 200);
        let announced = Stored::of(announced.as_bytes());
        let settled = blobs.settle_upload(ME, &signed.upload, announced).await;
        assert!(matches!(
            settled,
            Err(BlobError::SizeMismatch { .. } | BlobError::Md5Mismatch { .. })
        ));
    }
    for upload in ["../../1/aa", ""] {
        let settled = blobs.settle_upload(ME, upload, Stored::of(b"content"));
        assert!(matches!(settled.await, Err(BlobError::UploadMissing(_))));
    }
    fresh.finish().await;
}
