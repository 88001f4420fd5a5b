//! ServiceAccounts: `printServiceAccount`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::Value;

use super::{Column, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "ServiceAccount",
    columns: &[Column::NAME, Column::text("Secrets", descriptions::SERVICE_ACCOUNT_SECRETS), Column::AGE],
    row: |object, now| object.downcast_ref().map(|account| row(account, now)),
};

fn row(account: &ServiceAccount, now: Timestamp) -> Vec<Value> {
    let secrets = account.secrets.as_ref().map_or(0, |secrets| secrets.len());
    vec![name(account), secrets.into(), age_cell(account, now)]
}
