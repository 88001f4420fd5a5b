//! The program: reads the command line, starts the cluster, waits for a signal.

use std::process::ExitCode;

use anyhow::{Context, Result};
use backend::cli::{Cli, Command, Serve};
use backend::cluster::Cluster;
use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("KIJABI_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kijabi: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Kubeconfig { place } => {
            let path = place.data_dir.join("kubeconfig");
            let text = std::fs::read_to_string(&path).with_context(|| {
                format!(
                    "there is no kubeconfig at {}: was a cluster started with this data directory?",
                    path.display()
                )
            })?;
            print!("{text}");
            Ok(())
        }
        Command::Serve(options) => {
            backend::machine::raise_open_files();
            serve(options)
        }
    }
}

fn serve(options: Serve) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let cluster = Cluster::start(options.into()).await?;
        if !backend::assets::ARE_EMBEDDED {
            eprintln!("kijabi: {}", backend::assets::MISSING);
        }
        println!("The page:   http://{}", cluster.address);
        println!("The API:    https://{}", cluster.secure_address);
        println!("kubectl:    kubectl --kubeconfig {} get nodes", cluster.kubeconfig.display());
        interrupted().await?;
        cluster.stop().await;
        Ok(())
    })
}

/// Waits for Ctrl-C, or for the signal by which a service manager ends a program.
async fn interrupted() -> Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
        Ok(())
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await?)
}
