"""The classroom: learners, mentors, peers and an objective, trained by the one epoch loop of this package."""
