// What the broker remembers of itself.
export interface SettingReader {
  /** What the broker remembers of itself under a name. */
  setting(name: string): Promise<string | null>;
}

export interface SettingWriter {
  putSetting(name: string, value: string): Promise<void>;
}
