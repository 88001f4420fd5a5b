//! The page's frame: what everything below shares.

use yew::prelude::*;

use crate::hooks::{ClusterProvider, PreferencesProvider, UiProvider};
use crate::pages::cluster::ClusterPage;

/// The whole page.
#[component]
pub fn App() -> Html {
    html! {
        <PreferencesProvider>
            <ClusterProvider>
                <UiProvider>
                    <ClusterPage />
                </UiProvider>
            </ClusterProvider>
        </PreferencesProvider>
    }
}
