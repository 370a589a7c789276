//! Every place for blobs under the contract suite, and what is particular to S3.

mod local;
mod s3;
mod s3_server;
