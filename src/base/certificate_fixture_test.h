// A certificate, its key, and the key of another one.
#pragma once

namespace tandem {

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a.test -days 36500
inline constexpr const char* kCertificate = R"(-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUXNc/yPvAbR2Hcf5gUMIiDQk7C5cwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGYS50ZXN0MCAXDTI2MTEyNTIxMzk0OVoYDzIxMjYxMTAxMjEz
OTQ5WjARMQ8wDQYDVQQDDAZhLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATJdcdzPzSILn8o/ScLy+wG5baKxBE+fkFI3xy7MY1gAMHL07lN8G6Vljo6gJnw
/YGJAy5g+/TpT5rKYwNxq7vvo1MwUTAdBgNVHQ4EFgQUMEEzdQ2tRYTFMgtVik5i
YvC23bowHwYDVR0jBBgwFoAUMEEzdQ2tRYTFMgtVik5iYvC23bowDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBOEdiKIxSEfoOHHbPrOHBYDLbHK/j+
UWYNBvlOzvkhPQIgZWjYKqE3I7STk+41Skbz/m27UiQzYY8ocK+WCneSVY8=
-----END CERTIFICATE-----
)";
inline constexpr const char* kKey = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXRdBVmRzLawpP36v
WKeLkt2Eqkcd7V98K0Wa6q2svHqhRANCAATJdcdzPzSILn8o/ScLy+wG5baKxBE+
fkFI3xy7MY1gAMHL07lN8G6Vljo6gJnw/YGJAy5g+/TpT5rKYwNxq7vv
-----END PRIVATE KEY-----
)";
inline constexpr const char* kOtherKey = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgR9ErJPgV/GrHkCu5
1VIwy8HB/K7OOXwrpkh7LIe8WYOhRANCAASQBjuaNdZlubIDbHDEUOmSBTLsmJ+1
ieZm6JDVGSdJ212MBYkcn6MvLf9YXlt8U/AVtLMW55j4eUte73I1maY1
-----END PRIVATE KEY-----
)";

}  // namespace tandem
