"""From a recipe to an adapter version: data, objective, job, evaluation."""
