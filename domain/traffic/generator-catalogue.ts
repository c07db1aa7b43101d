/**
 * Names of the generated world: providers, their apps, categories.
 *
 * Provider groups and category counts are those of the servicemap of CESNET-TLS-Year22; most app
 * names are made up in its style.
 */

/** An app as the catalogue lists it. */
interface CatalogueApp {
  readonly name: string;
  readonly category: string;
}

/** A provider with its apps, most typical app first. */
export interface CatalogueProvider {
  readonly name: string;
  readonly apps: readonly CatalogueApp[];
}

/** Categories by the letter pair used in the tables below; 23 as in the servicemap. */
const CATEGORIES = {
  ap: 'APIs',
  an: 'Analytics',
  au: 'Authentication services',
  me: 'Media',
  av: 'Antivirus',
  fs: 'File sharing',
  is: 'Information systems',
  ad: 'Advertising',
  ot: 'Other services and APIs',
  up: 'Software updates',
  se: 'Search',
  we: 'Weather services',
  so: 'Social',
  ga: 'Games',
  no: 'Notification services',
  ma: 'Mail',
  im: 'Instant messaging',
  vi: 'Videoconferencing',
  ba: 'E-commerce and banking',
  lo: 'Location services',
  mu: 'Music',
  as: 'Virtual assistant',
  rd: 'Remote desktop',
} as const;

type CategoryKey = keyof typeof CATEGORIES;

/** Provider, then `suffix:category` of its apps; the app is named `provider-suffix`. */
const GROUPS = [
  'microsoft onedrive:fs update:up authentication:au defender:av teams:vi outlook:ma telemetry:an notification:no edge-api:ap bing:se store:ot azure-api:ap office-api:ap weather:we xbox:ga advertising:ad rdp-gateway:rd',
  'google drive:fs authentication:au ads:ad analytics:an api:ap gmail:ma meet:vi maps:lo play:up notification:no search:se translate:ot assistant:as photos:me fonts:me',
  'apple icloud:fs update:up push:no weather:we location:lo authentication:au music:mu siri:as',
  'seznam search:se mail:ma ads:ad media:me weather:we authentication:au maps:lo news:me',
  'adobe cloud:fs analytics:an authentication:au update:up ads:ad fonts:me search:se',
  'mozilla update:up telemetry:an accounts:au push:no location:lo api:ap addons:ot',
  'cesnet mail:ma owncloud:fs filesender:fs eduid:au monitoring:is api:ap',
  'facebook web:so messenger:im ads:ad graph-api:ap media:me authentication:au',
  'ctu kos:is moodle:is login:au gitlab:ap library:is',
  'eset update:av livegrid:av licence:av telemetry:an web-control:av',
  'alza shop:ba media:me analytics:an api:ap',
  'opera update:up sync:ap news:me vpn-api:ot',
  'amazon shop:ba alexa:ot media:me',
  'avast update:av telemetry:an vault:av',
  'spotify player:mu api:ap',
];

/** `name:category` of the apps whose provider has no other. */
const SINGLES =
  'dropbox:fs ulozto:fs wetransfer:fs mega:fs syncthing-relay:fs ' +
  'kaspersky:av bitdefender:av malwarebytes:av sophos:av mcafee:av norton:av ' +
  'okta:au duo-security:au auth0:au mojeid:au bankid:au ' +
  'sentry:an hotjar:an newrelic:an matomo:an gemius:an mixpanel:an appsflyer:an ' +
  'netflix:me youtube-nocookie:me twitch:me ivysilani:me ' +
  'github:ap gitlab-com:ap npm-registry:ap pypi:ap dockerhub:ap jsdelivr:ap stripe:ap ' +
  'ares:is isis:is stag:is edookit:is bakalari:is skola-online:is caas:is ' +
  'criteo:ad taboola:ad doubleverify:ad rtbhouse:ad ' +
  'grammarly:ot wikipedia:ot openweb:ot duolingo:ot ' +
  'ubuntu-update:up debian-mirror:up ' +
  'duckduckgo:se heureka:se ' +
  'chmi:we yr-no:we accuweather:we ' +
  'instagram:so twitter:so tiktok:so reddit:so linkedin:so ' +
  'steam:ga epic-games:ga riot:ga roblox:ga minecraft:ga ' +
  'onesignal:no ' +
  'protonmail:ma ' +
  'whatsapp:im telegram:im signal:im discord:im ' +
  'zoom:vi webex:vi jitsi:vi ' +
  'csob:ba kb-banking:ba aliexpress:ba ' +
  'deezer:mu ' +
  'teamviewer:rd';

/**
 * The providers of a world with the given number of apps.
 *
 * With fewer apps than the catalogue holds, groups keep their share of the apps (rounded, at least
 * one) and the rest are single apps; with more, numbered apps follow.
 *
 * @param appCount  apps in the world, >= 2
 * @param sizes     apps per provider group at full size
 * @param fullCount apps of the full world
 */
export function catalogueProviders(
  appCount: number,
  sizes: readonly number[],
  fullCount: number,
): CatalogueProvider[] {
  const scale = Math.min(1, appCount / fullCount);
  const providers: CatalogueProvider[] = [];
  let left = appCount;
  GROUPS.forEach((line, group) => {
    const [name = '', ...apps] = line.split(' ');
    const size = Math.min(left, Math.max(1, Math.round((sizes[group] ?? 1) * scale)));
    if (size === 0) return;
    const chosen = apps.slice(0, size).map((app) => readApp(app, `${name}-`));
    providers.push({ name, apps: chosen });
    left -= chosen.length;
  });
  for (const single of SINGLES.split(' ').slice(0, left)) {
    const app = readApp(single, '');
    providers.push({ name: app.name, apps: [app] });
    left--;
  }
  for (let i = 1; left > 0; i++, left--) {
    const app = { name: `service-${i}`, category: CATEGORIES.ot };
    providers.push({ name: app.name, apps: [app] });
  }
  return providers;
}

/** Categories of apps that appear later and belong to none of the others. */
export const FRESH_CATEGORIES = { 'new-app-far': 'Smart home', vpn: 'VPN' } as const;

function readApp(text: string, prefix: string): CatalogueApp {
  const [name = '', key = 'ot'] = text.split(':');
  return { name: prefix + name, category: CATEGORIES[key as CategoryKey] }; // the tables above use these keys only
}
