// TLS over a non-blocking descriptor: OpenSSL with its own buffers, no copies of ours.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "runtime/tls/certificates.h"

struct ssl_st;

namespace tandem::runtime {

enum class IoOutcome { Done, WantRead, WantWrite, End, Broken };
struct IoResult {
    IoOutcome outcome = IoOutcome::Broken;
    size_t bytes = 0;  // of Done
};

// What the other side has shown.
struct PeerCertificate {
    bool is_verified = false;            // by the authorities of our context
    std::vector<std::string> dns_names;  // of its subject alternative names
    std::vector<std::string> chain;      // PEM, its own certificate first
};

class TlsSession {
 public:
    static std::unique_ptr<TlsSession> server(const TlsContext& context, int fd);
    static std::unique_ptr<TlsSession> client(const TlsContext& context, int fd,
                                              const std::string& host);
    ~TlsSession();

    IoOutcome handshake();
    IoResult read(char* into, size_t size);
    IoResult write(const char* from, size_t size);
    PeerCertificate peer() const;  // after the handshake
    std::string failure() const;   // of the handshake, for people
    // What the other side did not like about us, after our handshake had ended (RFC 8446 4.4.2.4:
    // it may look at our certificate later); empty: the last failure was something else.
    std::string refusal() const;
    void say_goodbye();  // close_notify, RFC 8446 6.1; best effort

 private:
    explicit TlsSession(ssl_st* ssl) : ssl_(ssl) {}
    IoOutcome outcome_of(int result);
    ssl_st* ssl_;
};

}  // namespace tandem::runtime
