// Pieces that certificates are built of, shared by those that a server makes for itself and those
// of the site's authority. Over OpenSSL, whose types are only named here.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/net_address.h"
#include "base/result.h"

struct bio_st;
struct evp_pkey_st;
struct x509_st;
struct X509_req_st;

namespace tandem::runtime {

struct X509Free {
    void operator()(bio_st* it) const;
    void operator()(evp_pkey_st* it) const;
    void operator()(x509_st* it) const;
    void operator()(X509_req_st* it) const;
};
template <typename T>
using OwnedX509 = std::unique_ptr<T, X509Free>;

// Null: no such thing in the text. Passphrases are never asked for.
OwnedX509<x509_st> certificate_of(std::string_view pem);
OwnedX509<evp_pkey_st> private_key_of(std::string_view pem);
OwnedX509<X509_req_st> request_of(std::string_view pem);
std::string pem_of(x509_st* certificate);
std::string pem_of(evp_pkey_st* key);
std::string pem_of(X509_req_st* request);

// A version 3 certificate of `key` with a serial number by chance, valid for `valid_s` from `now`
// and back for as long as a peer's clock may be behind; unsigned.
OwnedX509<x509_st> new_certificate(evp_pkey_st* key, std::string_view common_name, UtcTime now,
                                   long valid_s, long backdate_s);
// `value` in OpenSSL's configuration text: never built from what came from outside.
void add_extension(x509_st* certificate, x509_st* issuer, int nid, const char* value);
// Subject alternative names.
void add_names(x509_st* certificate, const std::vector<std::string>& dns_names,
               const std::vector<IpAddress>& addresses);
// Whole or not at all: written under another name, flushed and renamed.
Result<void> write_file(const std::string& path, std::string_view text, mode_t mode);

}  // namespace tandem::runtime
