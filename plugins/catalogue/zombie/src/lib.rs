//! `zombie`: health still answers, and work hangs.

use squall_plugin::{Attempt, Hooks, Plugin, RequestHead, RequestVerdict, export, params};

params! {
    /// Health checks still answer, and work hangs.
    struct Params {
        /// the paths that still answer, without their query
        paths: Vec<String> = alive(), "[\"/health\"]";
    }
}

fn alive() -> Vec<String> {
    ["/health", "/v1/models", "/metrics"].map(String::from).into()
}

struct Zombie {
    paths: Vec<String>,
}

impl Plugin for Zombie {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        if let Some(path) = params.paths.iter().find(|path| !path.starts_with('/')) {
            return Err(format!("`paths`: a path begins with a slash: \"/{path}\""));
        }
        Ok(Self { paths: params.paths })
    }

    fn hooks(&self) -> Hooks {
        Hooks::REQUEST
    }

    fn request(&mut self, _: &Attempt, head: &RequestHead) -> RequestVerdict {
        let path = head.path.split('?').next().unwrap_or_default();
        if self.paths.iter().any(|alive| alive == path) { RequestVerdict::Pass } else { RequestVerdict::Hang }
    }
}

export!(Zombie);
