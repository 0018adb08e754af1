"""What people tell rotator: settings from the deployment's environment, policies from policies.yaml."""
