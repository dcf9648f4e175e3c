// What people call the attributes and extensions that requests and certificates carry; only for messages, records and subjects as
// text.

/** Attributes of names, as RFC 4514 and OpenSSL write them. */
const attributeNames: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'street'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.13', 'description'],
  ['2.5.4.17', 'postalCode'],
  ['2.5.4.41', 'name'],
  ['2.5.4.42', 'GN'],
  ['2.5.4.46', 'dnQualifier'],
  ['2.5.4.65', 'pseudonym'],
  ['2.5.4.97', 'organizationIdentifier'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
  ['1.2.840.113549.1.9.2', 'unstructuredName'],
  ['1.2.840.113549.1.9.8', 'unstructuredAddress'],
]);

/** Extensions and request attributes (RFC 5280, 4.2; RFC 2985; RFC 7633), and those of Netscape and Microsoft. */
const requestNames: ReadonlyMap<string, string> = new Map([
  ['2.5.29.9', 'subjectDirectoryAttributes'],
  ['2.5.29.14', 'subjectKeyIdentifier'],
  ['2.5.29.15', 'keyUsage'],
  ['2.5.29.16', 'privateKeyUsagePeriod'],
  ['2.5.29.17', 'subjectAltName'],
  ['2.5.29.18', 'issuerAltName'],
  ['2.5.29.19', 'basicConstraints'],
  ['2.5.29.30', 'nameConstraints'],
  ['2.5.29.31', 'cRLDistributionPoints'],
  ['2.5.29.32', 'certificatePolicies'],
  ['2.5.29.35', 'authorityKeyIdentifier'],
  ['2.5.29.37', 'extendedKeyUsage'],
  ['1.3.6.1.5.5.7.1.1', 'authorityInfoAccess'],
  ['1.3.6.1.5.5.7.1.24', 'tlsFeature'],
  ['2.16.840.1.113730.1.1', 'netscapeCertType'],
  ['2.16.840.1.113730.1.13', 'netscapeComment'],
  ['1.3.6.1.4.1.311.20.2', 'microsoftTemplateName'],
  ['1.3.6.1.4.1.311.21.7', 'microsoftTemplate'],
  ['1.3.6.1.4.1.311.21.10', 'microsoftApplicationPolicies'],
  ['1.3.6.1.4.1.311.21.20', 'microsoftClientInfo'],
  ['1.3.6.1.4.1.311.13.2.2', 'microsoftCspProvider'],
  ['1.3.6.1.4.1.311.13.2.3', 'microsoftOsVersion'],
  ['1.2.840.113549.1.9.7', 'challengePassword'],
  ['1.2.840.113549.1.9.2', 'unstructuredName'],
  ['1.2.840.113549.1.9.15', 'sMIMECapabilities'],
]);

/** The short name of an attribute of a name, or its OID. */
export const attributeName = (id: string): string => attributeNames.get(id) ?? id;

/** The name of an extension or of an attribute of a request, or its OID. */
export const requestName = (id: string): string => requestNames.get(id) ?? id;
