//! One suite that every store must pass: each sentence of `Store`'s documentation as a case of
//! its own. Cases use the trait alone. A backend runs all of them with one line,
//! `picloud_store::store_contract!(crate::open)`, where `open` makes a fresh, empty store:
//! something with `store()`, which lends it, and `finish()`, which closes it and looks for damage.

pub mod accounts;
pub mod blobs;
pub mod claim;
mod cron_fixture;
pub mod cron_ticks;
pub mod crons;
pub mod delete;
mod fixture;
pub mod gates;
pub mod isolation;
pub mod kill;
pub mod list;
pub mod look;
pub mod maps;
pub mod objects;
pub mod output;
pub mod past;
pub mod published;
pub mod queue_attach;
pub mod queue_care;
pub mod queue_crashes;
pub mod queue_fixture;
pub mod queue_handlers;
pub mod queues;
pub mod report;
pub mod samples;
pub mod sessions;
pub mod submit;
pub mod upkeep;
pub mod usage;
pub mod volumes;
pub mod workers;

pub use fixture::{NOW, World};

/// Makes a test of each case.
#[macro_export]
macro_rules! store_contract {
    ($open:path) => {
        $crate::store_contract! { @cases $open;
            accounts: [
                a_setting_is_made_once_and_kept,
                accounts_are_found_and_listed,
                a_name_in_use_is_refused,
                keys_are_found_listed_and_switched,
            ],
            blobs: [
                missing_blobs_are_named_until_they_are_added,
                a_blob_in_use_is_not_swept,
                a_blob_asked_for_is_kept_longer,
                a_sweep_takes_no_more_than_its_limit,
            ],
            claim: [
                the_backlog_lists_groups_with_counts_up_to_the_cap,
                the_backlog_says_what_an_account_runs,
                the_oldest_are_taken_first_with_arguments_and_specs,
                a_pick_takes_its_own_group_only,
                of_racing_claims_each_job_goes_to_one,
                a_dead_worker_gets_nothing,
            ],
            cron_ticks: [
                a_tick_makes_its_job_and_sets_the_next,
                of_two_servers_one_fires_a_tick,
                a_tick_read_before_a_change_is_not_fired_after_it,
                a_tick_that_a_late_change_makes_the_next_again_is_passed_over,
                a_cron_without_another_tick_in_sight_fires_its_last,
                jobs_of_ticks_may_overlap,
                a_tick_is_skipped_while_the_job_before_has_not_ended,
                queued_ticks_wait_for_the_job_before_however_it_ends,
                no_more_than_a_hundred_ticks_stand_in_line,
                missed_ticks_are_recorded_once_and_make_no_job,
                a_run_by_hand_leaves_the_schedule_as_it_is,
                the_last_thousand_firings_are_kept_and_paged,
            ],
            crons: [
                a_cron_is_found_as_it_was_stored,
                crons_are_listed_by_label,
                a_replaced_cron_keeps_its_firings_and_starts_again,
                a_cron_needs_its_blobs_until_it_is_replaced,
                a_cron_whose_blobs_are_missing_is_refused_and_the_old_one_stays,
                a_removed_cron_leaves_its_jobs_and_nothing_else,
                what_is_given_is_changed_and_the_rest_stays,
                the_most_overdue_are_due_first,
                crons_of_accounts_are_apart,
            ],
            delete: [
                a_deleted_job_is_unknown_to_every_verb,
                an_unfinished_or_unknown_job_stops_the_whole_deletion,
                references_to_blobs_go_with_the_last_job,
                a_shared_spec_stays_until_its_last_job_goes,
                more_than_ten_thousand_are_refused,
                ids_given_twice_are_deleted_once,
                ids_are_not_used_again,
            ],
            gates: [
                jobs_wait_until_all_dependencies_are_done,
                finished_dependencies_are_weighed_at_once,
                a_failed_dependency_stalls,
                a_failure_that_is_ignored_counts_as_an_end,
                stalls_run_through_long_chains,
                a_diamond_waits_for_both_sides,
                a_map_waits_for_a_map,
                a_dependency_named_twice_counts_once,
                an_unknown_dependency_is_refused_and_nothing_is_made,
                a_retry_of_a_dependency_does_not_open_the_gate,
            ],
            isolation: [
                another_accounts_jobs_are_unknown_to_every_verb,
                another_accounts_jobs_cannot_be_depended_on,
                equal_keys_and_specs_of_two_accounts_do_not_meet,
                a_kill_of_everything_ends_at_the_account,
                another_accounts_map_and_keys_are_out_of_reach,
                blobs_of_accounts_are_apart,
                objects_of_accounts_are_apart,
                queues_of_accounts_are_apart,
            ],
            kill: [
                a_queued_job_is_killed_at_once,
                a_waiting_job_is_killed_and_its_gate_goes,
                a_claimed_or_processing_job_gets_a_request,
                a_finished_job_stays_as_it_is,
                a_kill_acknowledged_is_listed_no_more,
                a_killed_job_is_never_queued_again,
                dependents_of_killed_jobs_stall_or_go_on,
                killing_a_chain_kills_every_part,
                unknown_ids_stop_the_whole_kill,
                without_ids_everything_is_killed,
                more_jobs_than_one_transaction_takes_are_killed,
            ],
            list: [
                pages_go_from_new_to_old,
                states_labels_functions_and_parents_filter,
                filters_combine,
                the_last_page_says_that_it_is,
                core_types_maps_and_times_filter,
                a_text_is_found_in_functions_labels_and_errors,
                a_short_text_is_looked_for_in_names_only,
                errors_are_found_by_their_account_until_they_are_deleted,
                maps_are_one_row_in_grouped_lists,
            ],
            look: [
                statuses_come_in_the_order_asked,
                progress_counts_what_is_open_queued_and_failed,
                finished_ones_come_in_the_order_asked,
                results_end_before_the_first_unfinished_job,
                results_respect_both_bounds,
                unknown_ids_are_named,
                a_detail_tells_the_whole_life,
                a_waiting_job_names_ten_it_waits_for,
                pickles_are_given_back_as_they_came,
                an_endless_range_is_answered_at_once,
                jobs_are_counted_by_state,
                specs_are_found_by_id,
            ],
            maps: [
                a_map_reserves_its_ids_before_its_jobs_exist,
                parts_come_in_any_order,
                a_repeated_part_changes_nothing,
                overlapping_parts_make_each_job_once,
                parts_outside_a_reservation_are_refused,
            ],
            objects: [
                an_object_is_found_as_it_was_stored,
                a_replaced_object_keeps_when_it_was_made_and_who_may_read_it,
                an_md5_that_is_found_out_later_is_that_of_all_objects_of_the_content,
                a_content_is_kept_as_long_as_any_object_needs_it,
                a_bucket_beyond_its_quota_is_left_as_it_was,
                a_list_is_in_the_order_of_bytes,
                folders_are_told_once,
                pages_of_a_list_join_without_a_gap,
                objects_are_removed_by_key_and_by_prefix,
                a_renamed_object_takes_the_place_of_another,
                a_prefix_is_renamed_whole,
                who_may_read_an_object_is_changed_at_once,
                a_folder_is_named_once_and_leads_to_its_account,
            ],
            output: [
                a_stream_is_read_from_any_position,
                repeated_bytes_are_stored_once,
                a_new_attempt_writes_behind_the_old_one,
                the_middle_of_a_long_stream_is_dropped,
                tails_are_the_ends_of_all_streams,
                output_of_a_lost_attempt_is_refused,
                a_reader_learns_that_no_more_will_come,
            ],
            past: [
                a_job_knows_the_map_it_is_of,
                a_job_keeps_what_it_waited_for,
                a_map_is_known_until_its_last_job_is_deleted,
                an_attempt_that_did_not_end_its_job_is_kept,
                an_attempt_that_ended_its_job_is_not_a_past_one,
                the_last_hundred_attempts_are_kept,
            ],
            published: [
                a_published_function_is_found_as_it_was_stored,
                published_functions_are_listed_by_label,
                a_label_in_use_gets_another_version,
                calls_use_the_version_they_name,
                a_rollback_makes_an_earlier_version_current,
                the_last_two_hundred_versions_are_kept,
                access_token_and_limit_stay_over_versions,
                a_removed_function_leaves_its_jobs,
                blobs_are_kept_as_long_as_a_version_or_a_job_needs_them,
                a_missing_blob_publishes_and_calls_nothing,
                a_repeated_call_changes_nothing,
                a_call_without_arguments_for_any_job_is_refused,
                several_arguments_make_a_map,
                published_functions_of_accounts_are_apart,
            ],
            queue_attach: [
                attaching_makes_the_queues_and_a_version,
                what_was_attached_comes_back,
                a_version_needs_its_blobs,
                jobs_are_needed_where_messages_can_be_taken,
                never_more_jobs_than_may_run,
                nothing_starts_for_what_is_paused_or_gone,
                jobs_of_another_version_end_after_what_they_hold,
                the_youngest_jobs_are_too_many,
                handler_jobs_are_jobs_like_others,
            ],
            queue_care: [
                a_paused_queue_hands_nothing_out,
                looking_at_messages_changes_nothing,
                what_waits_longer_than_its_retention_is_dropped,
                upkeep_brings_back_what_is_overdue_and_says_where,
                messages_that_wait_are_purged_and_no_others,
                a_moved_message_is_the_same_elsewhere,
                error_messages_go_back_to_where_they_came_from,
                a_message_is_edited_and_tried_again,
                a_deleted_queue_leaves_nothing,
                a_deletion_whose_caller_goes_away_is_finished_by_upkeep,
                what_came_and_went_is_counted_in_windows,
                totals_are_those_of_all_accounts,
            ],
            queue_crashes: [
                a_handler_that_dies_before_it_asks_is_started_less_and_less_often,
                a_job_that_ends_in_order_gives_everything_back,
                suspects_are_leased_alone,
                a_message_that_crashes_too_often_fails_and_its_neighbours_do_not,
                one_that_crashed_alone_waits_behind_its_neighbours,
                a_lost_worker_is_no_fault_of_a_message,
                a_kill_is_no_fault_of_a_message,
                at_most_once_means_once,
                without_an_error_queue_a_poison_message_is_dropped,
                deleting_an_ended_job_gives_back_what_it_held,
                suspects_are_popped_like_others,
            ],
            queue_handlers: [
                outputs_go_to_every_output_queue,
                a_repeated_exchange_settles_nothing_twice,
                an_exchange_that_got_nothing_may_be_tried_again,
                a_late_attempt_is_refused,
                only_a_handler_of_the_queue_exchanges,
                what_is_not_held_is_ignored_with_what_became_of_it,
                a_retry_is_a_new_message_with_one_more_retry_counted,
                a_failed_message_goes_where_its_error_sends_it,
                a_missing_blob_of_an_output_stops_the_whole_exchange,
                blobs_of_outputs_are_held_before_those_of_inputs_go,
                deleted_output_queues_are_made_anew,
                a_queue_may_send_to_itself,
                what_is_given_back_keeps_its_place,
                a_lease_ends_before_the_bytes_are_too_many,
                a_paused_queue_ends_its_jobs,
                messages_go_to_one_of_many_handlers,
                an_attempt_given_back_leaves_what_it_held,
            ],
            queues: [
                what_is_pushed_is_popped_oldest_first,
                a_queue_is_made_by_its_first_push,
                a_repeated_push_changes_nothing,
                a_delayed_message_waits_for_its_time,
                a_pop_ends_before_the_bytes_are_too_many,
                a_ticket_is_good_for_one_delivery,
                a_deadline_brings_a_message_back_to_its_place,
                deadlines_are_changed_for_deliveries_that_are_not_over,
                blobs_are_kept_as_long_as_their_message,
                a_push_of_a_missing_blob_is_refused_whole,
                of_racing_pops_each_message_goes_to_one,
            ],
            report: [
                a_job_goes_from_claimed_to_processing_to_done,
                failures_keep_their_verdict_and_exception,
                a_short_job_may_start_and_end_in_one_report,
                reports_of_other_attempts_and_workers_are_refused,
                an_outcome_is_recorded_once,
                a_returned_job_is_queued_again_and_its_next_attempt_has_a_new_number,
                a_job_taken_for_started_can_be_returned,
                a_result_in_a_blob_nobody_uploaded_is_refused_whole,
                a_worker_whose_life_ended_is_not_listened_to,
                a_success_cannot_be_called_a_failure,
                a_token_is_good_while_the_attempt_lives,
            ],
            samples: [
                a_series_is_read_from_any_second,
                a_repeated_sample_is_stored_once,
                samples_of_a_lost_attempt_are_refused,
                a_long_series_is_thinned_by_the_age_of_the_job,
                a_series_with_holes_keeps_a_sample_of_every_part,
                a_new_attempt_begins_a_new_series,
                a_short_last_attempt_leaves_no_samples_of_an_earlier_one,
                a_job_killed_in_the_queue_keeps_the_series_of_its_last_attempt,
                a_running_job_shows_its_last_samples_peaks_and_ports,
                samples_go_with_their_job,
            ],
            sessions: [
                a_password_is_found_by_the_name_of_its_account,
                a_session_is_found_by_its_token_until_it_ends,
                using_a_session_moves_its_end_on,
                sessions_are_listed_last_used_first_and_ended_by_number,
                sessions_and_links_of_accounts_are_apart,
                a_new_password_ends_the_other_sessions,
                of_too_many_sessions_those_used_least_lately_end,
                a_link_is_looked_at_and_used_once,
                a_link_that_has_ended_lets_nobody_in,
                a_link_may_set_the_password_which_ends_other_sessions,
                a_sweep_removes_what_has_ended,
            ],
            submit: [
                ids_follow_one_another,
                a_repeated_key_gets_the_first_answer,
                a_key_with_another_number_of_jobs_is_refused,
                equal_specs_share_a_row,
                a_missing_blob_is_named_and_nothing_is_made,
                an_empty_submission_is_refused,
            ],
            upkeep: [
                old_submission_keys_are_forgotten,
                ended_workers_are_forgotten,
                a_closed_store_says_so,
                a_ping_goes_through,
            ],
            usage: [
                what_a_job_used_is_kept_in_full,
                the_ledger_adds_up_by_what_is_asked,
                an_end_is_charged_once,
                a_job_that_never_ran_costs_nothing,
                the_ledger_stays_when_jobs_are_deleted,
                absurd_figures_do_not_make_reports_fail,
                a_core_type_without_a_price_costs_nothing,
            ],
            volumes: [
                volumes_are_found_and_listed_by_name,
                a_tree_replaces_the_one_it_began_from_and_no_other,
                a_tree_whose_blobs_are_missing_is_refused_and_nothing_changes,
                volumes_and_objects_have_one_quota,
                blobs_of_a_tree_stay_and_those_of_an_old_one_for_a_while,
                a_deleted_volume_leaves_nothing,
                volumes_of_accounts_are_apart,
            ],
            workers: [
                lives_are_listed_with_what_they_run,
                a_new_life_ends_the_old_one_of_its_name,
                leases_are_extended_and_the_gone_are_named,
                a_lease_that_ran_out_gives_the_jobs_back,
                a_lost_worker_ends_what_may_not_start_twice,
                a_lost_worker_ends_what_was_to_be_killed,
                ending_a_life_twice_does_nothing,
                what_a_worker_holds_is_listed_until_it_ends,
                a_worker_serves_the_accounts_whose_jobs_it_holds,
                what_a_lost_worker_ends_reaches_dependents,
            ],
        }
    };
    (@cases $open:path; $($subject:ident: [$($case:ident),* $(,)?],)*) => {
        $(mod $subject {
            $(#[tokio::test]
            async fn $case() {
                let opened = $open().await;
                $crate::contract::$subject::$case(opened.store()).await;
                opened.finish().await;
            })*
        })*
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_case_is_left_out_of_the_list() {
        let listed = include_str!("mod.rs");
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contract");
        let mut cases = 0;
        for entry in std::fs::read_dir(directory).expect("the suite's directory") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("source is text");
            for case in text
                .lines()
                .filter_map(|line| line.strip_prefix("pub async fn "))
            {
                let name = case.split('(').next().expect("a name");
                assert!(
                    listed.contains(&format!("{name},")),
                    "{name} of {} is not listed",
                    path.display()
                );
                cases += 1;
            }
        }
        assert!(cases > 90, "only {cases} cases were seen");
    }
}
