from __future__ import annotations

from tests.runbooks import HOST, VARIANTS, commands, readme, section


def test_only_a_self_signed_authority_is_backed_up_from_the_config_cluster() -> None:
    assert "istio-ca-secret" in section(readme(HOST), "A config cluster is gone")
    assert "istio-ca-secret" not in readme(*VARIANTS["plugged-in"])


def test_a_leaked_token_ends_with_its_account_and_not_with_its_secret() -> None:
    """A Secret that is made anew under its name holds the same token."""
    text = section(readme(*VARIANTS["two"]), "A credential has leaked")
    rotate = commands(text)[0]
    deleted = [words for words in commands(text) if "delete" in words]
    assert rotate == [
        *("extcp-bot", "credential", "rotate", "--cluster=$CLUSTER"),
        *("--context=$CLUSTER=$CTX", "--context=ext=$CTX_EXTERNAL"),
    ]
    names = ("istio-reader-service-account", "istiod")
    assert [words[-2:] for words in deleted] == [
        [f"serviceaccount/{name}", f"secret/{name}-istio-remote-secret-token"] for name in names
    ]
    assert "--restart-istiod" in text
    assert "1.29" in text


def test_a_credential_that_works_no_more_is_delivered_again() -> None:
    text = section(readme(HOST), "A credential works no more")
    [words] = commands(text)
    assert words[:4] == ["extcp-bot", "credential", "deliver", "--cluster=$CLUSTER"]
