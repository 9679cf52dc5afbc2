module extcp-gitops.io/tests/parts/argocd-crds

go 1.26

require github.com/argoproj/argo-cd/v3 v3.2.11
