"""How somebody becomes known: a name and a password, a second factor, or an OpenID provider that vouches for them."""
