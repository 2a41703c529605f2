/* TLS of the HTTP server: 1.2 and later, its certificate from files. */
#include "http_part.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

static int refuse(const char *what, const char *path, struct rnl_error *err)
{
    char why[200];

    ERR_error_string_n(ERR_get_error(), why, sizeof(why));
    ERR_clear_error();
    rnl_fail(err, RNL_E_CONFIG, "api.certificate", "the API's %s %s can't be used: %s", what, path,
             why);
    rnl_hint(err, "api.certificate is a PEM file with the whole chain, api.key its key");
    return err->status;
}

int tls_load(const struct http_settings *settings, SSL_CTX **tls, struct rnl_error *err)
{
    SSL_CTX *fresh = SSL_CTX_new(TLS_server_method());

    *tls = NULL;
    if (!fresh)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    SSL_CTX_set_min_proto_version(fresh, TLS1_2_VERSION);
    SSL_CTX_set_options(fresh, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_use_certificate_chain_file(fresh, settings->certificate) != 1)
        refuse("certificate", settings->certificate, err);
    else if (SSL_CTX_use_PrivateKey_file(fresh, settings->private_key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(fresh) != 1)
        refuse("key", settings->private_key, err);
    else {
        *tls = fresh;
        return RNL_OK;
    }
    SSL_CTX_free(fresh);
    return err->status;
}

struct bufferevent *tls_stream(struct event_base *base, evutil_socket_t fd, SSL_CTX *tls)
{
    SSL *ssl = SSL_new(tls);
    struct bufferevent *stream =
        ssl ? bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : NULL;

    if (stream)
        bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    return stream;
}
