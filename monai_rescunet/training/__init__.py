"""What trainers and evaluators are made of: losses, inferers, several processes, what a federation exchanges."""
