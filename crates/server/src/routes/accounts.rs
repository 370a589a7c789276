//! Accounts, for administrators.

use super::openapi::json;
use crate::{
    app::{Shared, now},
    auth::{Admin, key_create},
    body::JsonBody,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_types::api::accounts::{Account, AccountMade, AccountNew, Accounts};

const NAME_MAX: usize = 64;

fn shown(account: picloud_store::Account) -> Account {
    Account {
        account: account.id,
        name: account.name,
        admin: account.admin,
        created: account.created,
    }
}

/// List accounts
#[utoipa::path(get, path = "/v1/accounts", tag = "account", responses((status = 200, description = "All accounts", body = Accounts)))]
pub(super) async fn list(State(app): State<Shared>, _admin: Admin) -> Answer<Json<Accounts>> {
    let accounts = app
        .store
        .account_list()
        .await?
        .into_iter()
        .map(shown)
        .collect();
    json(Accounts { accounts })
}

/// Make an account and its first key
#[utoipa::path(post, path = "/v1/accounts", tag = "account", request_body = AccountNew, responses((status = 200, description = "The account, and a key whose secret is shown this once", body = AccountMade)))]
pub(super) async fn create(
    State(app): State<Shared>,
    _admin: Admin,
    JsonBody(request): JsonBody<AccountNew>,
) -> Answer<Json<AccountMade>> {
    let name = &request.name;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(allowed) {
        return Err(Refusal::bad_request(format!(
            "an account's name has 1 to {NAME_MAX} letters, digits, -, _, . or @, unlike {name:?}"
        )));
    }
    let account = app.store.account_create(name, request.admin, now()).await?;
    let key = key_create(&*app.store, account.id, "first key").await?;
    json(AccountMade {
        account: shown(account),
        key,
    })
}
