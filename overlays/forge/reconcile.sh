umask 077
KUBECONFIG="$(mktemp)"
export KUBECONFIG
trap 'rm -f "$KUBECONFIG"' EXIT
printf '%s\n' "$EXTCP_KUBECONFIG" > "$KUBECONFIG"
unset EXTCP_KUBECONFIG
extcp-bot reconcile
