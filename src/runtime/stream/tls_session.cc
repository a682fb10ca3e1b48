#include "runtime/stream/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <climits>

#include "base/check.h"
#include "base/net_address.h"

namespace tandem::runtime {

std::unique_ptr<TlsSession> TlsSession::server(const TlsContext& context, int fd) {
    SSL* ssl = SSL_new(context.get());
    CHECK(ssl != nullptr);
    SSL_set_fd(ssl, fd);
    SSL_set_accept_state(ssl);
    return std::unique_ptr<TlsSession>(new TlsSession(ssl));
}

std::unique_ptr<TlsSession> TlsSession::client(const TlsContext& context, int fd,
                                               const std::string& host) {
    SSL* ssl = SSL_new(context.get());
    CHECK(ssl != nullptr);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (!host.empty()) {
        // RFC 6066 3: literal addresses are not permitted as server names.
        if (!IpAddress::parse(host)) SSL_set_tlsext_host_name(ssl, host.c_str());
        SSL_set1_host(ssl, host.c_str());
    }
    return std::unique_ptr<TlsSession>(new TlsSession(ssl));
}

TlsSession::~TlsSession() {
    SSL_free(ssl_);
}

IoOutcome TlsSession::outcome_of(int result) {
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ:
            return IoOutcome::WantRead;
        case SSL_ERROR_WANT_WRITE:
            return IoOutcome::WantWrite;
        case SSL_ERROR_ZERO_RETURN:
            return IoOutcome::End;
    }
    return IoOutcome::Broken;
}

IoOutcome TlsSession::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    return result == 1 ? IoOutcome::Done : outcome_of(result);
}

IoResult TlsSession::read(char* into, size_t size) {
    ERR_clear_error();
    const int result = SSL_read(ssl_, into, static_cast<int>(std::min(size, size_t(INT_MAX))));
    if (result > 0) return {IoOutcome::Done, static_cast<size_t>(result)};
    return {outcome_of(result), 0};
}

IoResult TlsSession::write(const char* from, size_t size) {
    ERR_clear_error();
    const int result = SSL_write(ssl_, from, static_cast<int>(std::min(size, size_t(INT_MAX))));
    if (result > 0) return {IoOutcome::Done, static_cast<size_t>(result)};
    return {outcome_of(result), 0};
}

void TlsSession::say_goodbye() {
    ERR_clear_error();
    SSL_shutdown(ssl_);
}

}  // namespace tandem::runtime
