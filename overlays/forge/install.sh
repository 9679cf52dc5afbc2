python -m pip install --disable-pip-version-check --only-binary :all: "$EXTCP_GITOPS_PACKAGE"
extcp-gitops istioctl install
# validate builds each cluster with kustomize or kubectl; bring one where the runner has neither.
if ! command -v kustomize && ! command -v kubectl; then
  case "$(uname -m)" in
    x86_64) arch=amd64 sum=029a7f0f4e1932c52a0476cf02a0fd855c0bb85694b82c338fc648dcb53a819d ;;
    aarch64) arch=arm64 sum=0953ea3e476f66d6ddfcd911d750f5167b9365aa9491b2326398e289fef2c142 ;;
    *) echo "put kustomize on the PATH of this runner, a $(uname -m)" >&2; exit 1 ;;
  esac
  archive="$(mktemp)"
  curl -fsSL --retry 3 --max-time 300 -o "$archive" \
    "https://github.com/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv5.8.1/kustomize_v5.8.1_linux_$arch.tar.gz"
  echo "$sum  $archive" | sha256sum -c -
  tar -xzf "$archive" -C "$(dirname "$(command -v extcp-gitops)")" kustomize
fi
