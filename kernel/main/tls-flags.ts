import { bool, text } from './flags.js';

/** Of master and agent alike. The variables are those of Mesos. */
export const tlsFlags = {
  tls: bool('Serve HTTPS, and reach others by it', false, { env: ['LIBPROCESS_SSL_ENABLED'] }),
  tls_cert_file: text(
    "PEM file of this daemon's certificate, then those in between (default: one of the cluster's own authority)",
    undefined,
    {
      env: ['LIBPROCESS_SSL_CERT_FILE'],
    },
  ),
  tls_key_file: text('PEM file of its key', undefined, { env: ['LIBPROCESS_SSL_KEY_FILE'] }),
  tls_ca_file: text("PEM file of the authorities that others' certificates must come from", undefined, {
    env: ['LIBPROCESS_SSL_CA_FILE'],
  }),
  tls_verify_server_cert: bool('Reach none whose certificate is not good', true, {
    env: ['LIBPROCESS_SSL_VERIFY_SERVER_CERT', 'LIBPROCESS_SSL_VERIFY_CERT'],
  }),
  tls_require_client_cert: bool('Serve only clients that show a certificate', false, {
    env: ['LIBPROCESS_SSL_REQUIRE_CLIENT_CERT', 'LIBPROCESS_SSL_REQUIRE_CERT'],
  }),
  tls_ciphers: text("What may be agreed on, as OpenSSL's lists say it (default: Node's choice)", undefined, {
    env: ['LIBPROCESS_SSL_CIPHERS'],
  }),
  tls_allow_http: bool('Serve http:// on the same port too', false, { env: ['LIBPROCESS_SSL_SUPPORT_DOWNGRADE'] }),
};
