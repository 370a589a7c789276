//! `picloud queue`

mod care;
mod handlers;
mod list;
mod messages;
mod rates;

use crate::context::Context;
use anyhow::Result;
use picloud_types::QueueName;

const EXAMPLES: &str = "\
Examples:
  picloud queue list
  picloud queue push img-urls '{\"id\": 1, \"url\": \"http://127.0.0.1/1.png\"}'
  picloud queue peek bad-urls                     what failed, and why
  picloud queue redrive bad-urls                  and again
  picloud queue parallel img-urls 20              at most 20 jobs handle it

Handlers are attached from Python: cloud.queue.get('img-urls').attach(handler).";

/// Push, pop and watch messages, and care for queues and their handlers
///
/// A queue is made by the first push to it. Messages are JSON values here; jobs and other programs can
/// push what they like.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

/// The queue of most commands.
#[derive(clap::Args, Debug)]
pub(super) struct One {
    /// Name of the queue
    queue: QueueName,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List queues
    #[command(
        after_help = "Examples:\n  picloud queue list\n  picloud --json queue list | jq '.[] | select(.count > 0) | .name'"
    )]
    List(list::ListArgs),
    /// Show what is known of a queue
    #[command(after_help = "Examples:\n  picloud queue info img-urls")]
    Info(One),
    /// Print how many messages are in a queue
    #[command(after_help = "Examples:\n  picloud queue count img-urls")]
    Count(One),
    /// Push messages
    #[command(
        after_help = "Examples:\n  picloud queue push numbers 1 2 3\n  picloud queue push names --text Ada Grace --delay 60\n  jq -c '.[]' urls.json | picloud queue push img-urls --lines -"
    )]
    Push(messages::PushArgs),
    /// Take messages: they are removed, or with a deadline delivered until then
    #[command(
        after_help = "Examples:\n  picloud queue pop results -n 100\n  picloud queue pop results --wait 20\n  picloud queue pop results --deadline 60"
    )]
    Pop(messages::PopArgs),
    /// Acknowledge messages that were taken with a deadline
    #[command(after_help = "Examples:\n  picloud queue ack results 17-1 18-1")]
    Ack(messages::AckArgs),
    /// Show messages that wait, without taking them
    #[command(
        after_help = "Examples:\n  picloud queue peek bad-urls -n 50\n  picloud --json queue peek bad-urls | jq '.[].error.exception_text'"
    )]
    Peek(messages::PeekArgs),
    /// Hand out no more messages; pushing goes on
    #[command(after_help = "Examples:\n  picloud queue pause img-urls")]
    Pause(One),
    /// Hand out messages again
    #[command(after_help = "Examples:\n  picloud queue resume img-urls")]
    Resume(One),
    /// Change how long messages are kept that nobody takes
    #[command(after_help = "Examples:\n  picloud queue retention img-urls 86400")]
    Retention(care::RetentionArgs),
    /// Remove messages that wait
    #[command(
        after_help = "Examples:\n  picloud queue purge bad-urls\n  picloud queue purge bad-urls --id 17,18"
    )]
    Purge(care::PurgeArgs),
    /// Move messages that wait to another queue
    #[command(after_help = "Examples:\n  picloud queue move bad-urls graveyard")]
    Move(care::MoveArgs),
    /// Send error messages back to the queues whose handlers failed
    #[command(
        after_help = "Examples:\n  picloud queue redrive bad-urls\n  picloud queue redrive bad-urls --id 17 --to img-urls-slow"
    )]
    Redrive(care::RedriveArgs),
    /// Put a message that waits back as a new one, changed or as it is
    #[command(
        after_help = "Examples:\n  picloud queue requeue bad-urls 17\n  picloud queue requeue bad-urls 17 --message '{\"id\": 1, \"url\": \"http://127.0.0.1/2.png\"}'"
    )]
    Requeue(care::RequeueArgs),
    /// Delete queues with their messages and attachments
    #[command(after_help = "Examples:\n  picloud queue delete bad-urls graveyard")]
    Delete(care::DeleteArgs),
    /// List the versions of what is attached
    #[command(after_help = "Examples:\n  picloud queue versions img-urls")]
    Versions(One),
    /// Let an earlier version handle the messages
    #[command(
        after_help = "Examples:\n  picloud queue rollback img-urls\n  picloud queue rollback img-urls 3"
    )]
    Rollback(handlers::RollbackArgs),
    /// Change how many jobs handle a queue at one time; 0 pauses them
    #[command(after_help = "Examples:\n  picloud queue parallel img-urls 20")]
    Parallel(handlers::ParallelArgs),
    /// Detach the handler; its versions are kept
    #[command(after_help = "Examples:\n  picloud queue detach img-urls")]
    Detach(One),
    /// Show how much came and went, in windows of ten seconds
    #[command(
        after_help = "Examples:\n  picloud queue rates img-urls\n  picloud queue rates img-urls --minutes 60"
    )]
    Rates(rates::Args),
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    match &args.action {
        Action::List(args) => list::list(context, args).await,
        Action::Info(one) => list::info(context, &one.queue).await,
        Action::Count(one) => list::count(context, &one.queue).await,
        Action::Push(args) => messages::push(context, args).await,
        Action::Pop(args) => messages::pop(context, args).await,
        Action::Ack(args) => messages::ack(context, args).await,
        Action::Peek(args) => messages::peek(context, args).await,
        Action::Pause(one) => care::pause(context, &one.queue, true).await,
        Action::Resume(one) => care::pause(context, &one.queue, false).await,
        Action::Retention(args) => care::retention(context, args).await,
        Action::Purge(args) => care::purge(context, args).await,
        Action::Move(args) => care::move_to(context, args).await,
        Action::Redrive(args) => care::redrive(context, args).await,
        Action::Requeue(args) => care::requeue(context, args).await,
        Action::Delete(args) => care::delete(context, args).await,
        Action::Versions(one) => handlers::versions(context, &one.queue).await,
        Action::Rollback(args) => handlers::rollback(context, args).await,
        Action::Parallel(args) => handlers::parallel(context, args).await,
        Action::Detach(one) => handlers::detach(context, &one.queue).await,
        Action::Rates(args) => rates::run(context, args).await,
    }
}
