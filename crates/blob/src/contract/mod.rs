//! One suite that every place for blobs must pass. A backend runs all of it with one line,
//! `picloud_blob::blob_contract!(open)`, where `open` makes a fresh, empty place: something with
//! `blobs()`, which lends it, and `finish()`, which looks whether anything was left behind.

pub mod contents;
pub mod refusals;
mod sample;

/// Makes a test of each case.
#[macro_export]
macro_rules! blob_contract {
    ($open:path) => {
        $crate::blob_contract! { @cases $open;
            contents: [
                contents_of_every_size_come_back_in_every_range,
                a_content_of_unknown_hash_is_told_what_it_is,
                the_md5_of_a_large_content_is_told_if_it_was_announced,
                storing_again_is_harmless,
                accounts_do_not_share_contents,
                many_contents_are_stored_at_once_and_twice,
                removing_what_is_not_there_is_fine,
                everything_that_is_there_is_found,
                cleaning_takes_nothing_that_is_whole,
            ],
            refusals: [
                a_wrong_hash_is_refused,
                a_content_that_is_not_what_was_announced_is_refused,
                a_wrong_content_is_refused_also_where_the_right_one_exists,
                a_content_beyond_the_limit_is_refused,
                an_upload_that_breaks_off_leaves_nothing_behind,
                what_is_not_there_is_not_found,
            ],
        }
    };
    (@cases $open:path; $($subject:ident: [$($case:ident),* $(,)?],)*) => {
        $(mod $subject {
            $(#[tokio::test]
            async fn $case() {
                let opened = $open().await;
                $crate::contract::$subject::$case(opened.blobs()).await;
                opened.finish().await;
            })*
        })*
    };
}
