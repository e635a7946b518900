"""What a client of TLS takes for a good certificate: the same in every Python."""

import ssl


def context(ca_file: str | None) -> ssl.SSLContext:
    """Return what a client trusts: a CA's file, or what this machine does.

    As Go and gRPC judge: a platform's CA is often an intermediate one, and many lack
    an extension of RFC 5280, a key's usage or identifier. Python wants these from 3.13
    on, and takes an intermediate one only from then on.

    Raises OSError, which ssl.SSLError is one of, for a file that cannot be read.
    """
    trusting = ssl.create_default_context(cafile=ca_file)
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return trusting
