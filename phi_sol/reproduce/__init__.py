"""The paper's table of a scene: data, trainings over several seeds, and their evaluation, resumable at any point."""
