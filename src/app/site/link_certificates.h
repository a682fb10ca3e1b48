// The files of data/tls that links between servers stand on, and what is made of them:
//   site_ca.crt        the site's authority
//   site_ca.key        its key, only where certificates are signed: on the first server
//   link.crt link.key  this server's certificate of it
// All nodes of a server read them and take up what has changed; its home node writes.
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/tls/site_authority.h"

namespace tandem::app {

class LinkCertificates {
 public:
    explicit LinkCertificates(const std::string& data) : folder_(data + "/tls") {}

    // Makes what a first server lacks: the authority, and a certificate of it.
    Result<void> make_first(const runtime::LinkSubject& subject, UtcTime now);
    // Reads the files when they have changed. False: nothing has. An error leaves the former ones
    // in force, and is told once.
    Result<bool> follow();

    // Null before follow() has succeeded.
    const runtime::LinkContexts& contexts() const { return contexts_; }
    bool has_authority_key() const;
    const std::string& authority() const { return authority_; }  // PEM; empty: none
    std::string fingerprint() const { return runtime::fingerprint_of(authority_); }

    bool wants_renewal(const runtime::LinkSubject& subject, UtcTime now) const;
    Result<std::string> request() const;  // for the next certificate of our key
    // Where the authority's key is.
    Result<std::string> sign(const std::string& request, const runtime::LinkSubject& subject,
                             UtcTime now) const;
    // The next certificate, signed by the authority and for our key.
    Result<void> take(const std::string& certificate, UtcTime now);

 private:
    std::string path(const char* name) const { return folder_ + "/" + name; }

    std::string folder_;
    std::string stamp_;
    std::string authority_;
    std::string certificate_;
    std::string key_;
    runtime::LinkContexts contexts_;
};

}  // namespace tandem::app
