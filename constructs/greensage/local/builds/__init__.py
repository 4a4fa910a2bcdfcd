"""CodeBuild that builds: the buildspec's commands run, and `docker` is a parser of Dockerfiles with a private root."""
