diff="$(mktemp)"
code=0
extcp-gitops diff "$base" --output markdown > "$diff" || code=$?
cat "$diff"
# 4 says that something changes, which is what a request to merge is for.
if [ "$code" -ne 0 ] && [ "$code" -ne 4 ]; then
  exit "$code"
fi
