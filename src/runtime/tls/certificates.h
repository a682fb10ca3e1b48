// TLS contexts by name, replaceable while listeners run: new connections get the new certificate,
// old ones keep theirs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/net_address.h"
#include "base/result.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace tandem::runtime {

struct Certificate {
    std::string chain_pem;  // the server's certificate first
    std::string key_pem;
};

using TlsContext = std::shared_ptr<ssl_ctx_st>;

// May be used from any thread.
class TlsContexts {
 public:
    TlsContexts();
    ~TlsContexts();
    // Replaces the context of that name. The error tells what is wrong with the PEM texts.
    Result<void> load(const std::string& name, const Certificate& certificate);
    Result<void> load_files(const std::string& name, const std::string& chain_path,
                            const std::string& key_path);
    void remove(const std::string& name);

    // A certificate for clients that ask for `host`, or a name below it, by SNI (RFC 6066 3), at
    // whichever listener. The nearest name counts; who asks for none of them, or does not ask, gets
    // that of the listener. `host` is in lower case.
    Result<void> load_host(const std::string& host, const Certificate& certificate);
    void remove_host(const std::string& host);

    // The context for connections accepted under that name; the empty name is the default, made
    // with set_default(). nullptr: no such name.
    TlsContext server(const std::string& name) const;
    void set_default(const std::string& name);
    // For connections that we open. Peers are not verified unless a file of CAs is set.
    TlsContext client() const;
    Result<void> verify_peers_with(const std::string& ca_path);
    // For connections to peers that must show a certificate of one of these authorities; empty: of
    // one that the operating system trusts. `own`: ours, for those who ask; empty: none. The same
    // texts give the same context.
    enum class Check : uint8_t { Authority, Nothing };
    Result<TlsContext> client_for(Check check, const std::string& ca_pem, const Certificate& own);

 private:
    struct State;
    std::unique_ptr<State> state_;
};

// For links between the servers of a site: TLS 1.3, and both sides show certificates of the site's
// authority. Who comes to `server` without one is let in, as a server that is about to join has
// none yet: what it may say is the owner's matter.
struct LinkContexts {
    TlsContext server;
    TlsContext client;
};
Result<LinkContexts> make_link_contexts(const std::string& authority_pem, const Certificate& own);
// For who joins: shows nothing and believes nothing; see check_shown_by().
TlsContext make_joining_context();

struct SelfSignedSubject {
    std::string common_name;             // host name
    std::vector<std::string> dns_names;  // subject alternative names
    std::vector<IpAddress> addresses;    // likewise
};
// An EC P-256 key and a certificate of it, valid for ten years from `now`.
Result<Certificate> make_self_signed(const SelfSignedSubject& subject, UtcTime now);
// Makes `directory`/server.crt and server.key (mode 0600) unless they are there.
Result<void> ensure_self_signed_files(const std::string& directory,
                                      const SelfSignedSubject& subject, UtcTime now);

}  // namespace tandem::runtime
